"""Read a report in HTML: its texts, tables, elements and attributes."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """The content of a report.

    ``elements``: name and attributes of each. ``tables``: the rows of texts by caption; of equal captions, the first.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.levels: list[int] = []
        self.headings: list[str] = []
        self.captions: list[str] = []
        self.leads: list[str] = []
        self.examples: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.open: list[tuple[str, dict[str, str], list[str]]] = []
        self._rows: list[list[str]] = []
        self._caption = ""
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        attributes = {name: value or "" for name, value in attrs}
        self.elements.append((tag, attributes))
        if tag == "table":
            self._rows, self._caption = [], ""
        if tag == "tr":
            self._rows.append([])
        if tag != "meta":
            self.open.append((tag, attributes, []))

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data):
        for _, _, texts in self.open:
            texts.append(data)

    def handle_endtag(self, tag):
        opened, attributes, texts = self.open.pop()
        assert opened == tag, (opened, tag)
        text = " ".join("".join(texts).split())
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            self.levels.append(int(tag[1]))
            self.headings.append(text)
        elif tag in ("td", "th") and any(name == "tbody" for name, *_ in self.open):
            self._rows[-1].append(text)
        elif tag == "caption":
            self._caption = text
            self.captions.append(text)
        elif tag == "table":
            self.tables.setdefault(self._caption, [row for row in self._rows if row])
        elif attributes.get("class") == "lead":
            self.leads.append(text)
        elif attributes.get("class") == "text" and any(name == "ol" for name, *_ in self.open):
            self.examples.append("".join(texts))
