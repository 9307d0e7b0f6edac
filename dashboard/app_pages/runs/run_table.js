// The table of runs: links, checkboxes, and scores drawn on one axis; cards on narrow screens.
const SVG = "http://www.w3.org/2000/svg";
const POINTS = { circle: "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0", right: "M-4,-5L5,0L-4,5Z", left: "M4,-5L-5,0L4,5Z" };

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".runs");
  const content = JSON.stringify([data.columns, data.rows]);
  if (root.content !== content) {
    const focused = root.getRootNode().activeElement?.dataset.key;
    fill(root, data, setTriggerValue);
    root.content = content;
    root.querySelector(`[data-key="${CSS.escape(focused ?? "")}"]`)?.focus({ preventScroll: true });
  }
  const selected = new Set(data.selected);
  boxes(root).forEach((box, place) => {
    const { ids } = data.rows[place];
    box.checked = ids.every((id) => selected.has(id));
    box.indeterminate = !box.checked && ids.some((id) => selected.has(id));
  });
  updateAll(root);
}

function boxes(root) {
  return [...root.querySelectorAll("tbody input")];
}

function updateAll(root) {
  const all = root.querySelector("thead input");
  all.checked = boxes(root).every((box) => box.checked);
  all.indeterminate = !all.checked && boxes(root).some((box) => box.checked || box.indeterminate);
}

function fill(root, { columns, rows }, setTriggerValue) {
  const send = () => {
    updateAll(root);
    setTriggerValue("selected", rows.filter((_, place) => boxes(root)[place].checked).flatMap((row) => row.ids));
  };
  const all = create("input", { type: "checkbox", "aria-label": "Select all rows", "data-key": "all" });
  all.addEventListener("change", () => {
    boxes(root).forEach((box) => Object.assign(box, { checked: all.checked, indeterminate: false }));
    send();
  });
  const heads = columns.map((column) => head(column, setTriggerValue));
  root.querySelector("thead").replaceChildren(create("tr", {}, create("th", {}, all), ...heads));
  root.querySelector("tbody").replaceChildren(...rows.map((row) => line(row, columns, send, setTriggerValue)));
  root.querySelector(".more").hidden = rows.length <= 10;
  root.querySelector(".more").onclick = () => root.classList.add("all");
  root.classList.remove("all");
}

function head(column, setTriggerValue) {
  const style = { scope: "col", class: column.align, "aria-sort": column.sort };
  if (!column.sortable) return create("th", { ...style, title: column.help }, column.title);
  const arrow = { ascending: " ↑", descending: " ↓" }[column.sort] ?? "";
  const attributes = { type: "button", title: column.help, "data-key": `sort ${column.key}` };
  const button = create("button", attributes, column.title + arrow);
  button.addEventListener("click", () => setTriggerValue("sorted", column.key));
  return create("th", style, button);
}

function line(row, columns, send, setTriggerValue) {
  const box = create("input", { type: "checkbox", "aria-label": `Select ${row.label}`, "data-key": row.label });
  box.addEventListener("change", send);
  const cells = row.cells.map((cell, place) => fillCell(cell, columns[place], row, setTriggerValue));
  const line = create("tr", { class: row.pinned ? "pinned" : null }, create("td", {}, box), ...cells);
  line.addEventListener("click", (event) => {
    if (!event.target.closest("a, input") && getSelection().isCollapsed) box.click();
  });
  return line;
}

function fillCell(cell, column, row, setTriggerValue) {
  const style = [column.key === "name" ? "name" : column.align, cell.style];
  if (cell.text === "—") style.push("none");
  if (cell.mark) style.push("marked");
  const filled = create("td", { class: style.join(" "), "data-title": column.title });
  if (column.key === "name") {
    filled.append(row.href ? link(cell.text, row, setTriggerValue) : cell.text);
    filled.append(...row.tags.map((tag) => create("span", { class: "tag" }, tag)));
    return filled;
  }
  const [value, interval] = cell.mark ? cell.text.split(/ (?=\()/) : [cell.text];
  const text = create("span", {}, value);
  if (interval) text.append(" ", create("small", {}, interval));
  filled.append(text);
  if (cell.mark) filled.append(cell.mark.points ? drawCurve(cell.mark) : drawInterval(cell.mark));
  return filled;
}

function link(text, row, setTriggerValue) {
  const anchor = create("a", { href: row.href }, text);
  anchor.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return; // a new tab or window
    event.preventDefault(); // a plain link would end the session
    setTriggerValue("opened", row.id);
  });
  return anchor;
}

function drawInterval({ low, high, value, zero, point, style }) {
  const mark = draw("svg", { viewBox: "0 0 100 16", "aria-hidden": "true", class: `mark ${style}` });
  if (zero !== null) mark.append(draw("path", { d: `M${zero},0V16`, class: "zero" }));
  if (low !== null) mark.append(draw("path", { d: `M${low},8H${high}`, class: "line" }));
  mark.append(draw("path", { d: POINTS[point], transform: `translate(${value},8)`, class: "point" }));
  return mark;
}

function drawCurve({ points }) {
  const mark = draw("svg", { viewBox: "0 0 60 16", "aria-hidden": "true", class: "mark curve" });
  mark.append(draw("path", { d: `M${points.map(([x, y]) => `${x},${y}`).join("L")}`, class: "line" }));
  return mark;
}

function create(tag, attributes, ...children) {
  return dress(document.createElement(tag), attributes, children);
}

function draw(tag, attributes) {
  return dress(document.createElementNS(SVG, tag), attributes, []);
}

function dress(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) if (value) node.setAttribute(name, value);
  node.append(...children);
  return node;
}
