"""Saved views of the Runs page."""

from core.store import queries
from core.store.view_edits import save_view
from dashboard import access
from tests.dashboard.reading import page_text
from tests.dashboard.runs_page import content, ids, names, store_of, table

FILTERS = {"search": "lora", "method": "LoRA", "r": ["4", "8"], "from": "2020-01-01", "show": "active"}
VIEW = {"columns": ["accuracy", "size"], "sort": "accuracy", "order": "ascending", "group": ""}


def save(app, name):
    app.text_input(key="view name").set_value(name).run()
    app.button(key="save view").click().run()
    assert not app.exception


def views_of(seeded):
    return {view.name: view.parameters for view in queries.saved_views(store_of(seeded))}


def test_saved_view_restores_what_its_address_does(seeded_copy, open_page):
    chosen = f"{seeded_copy.odd},{seeded_copy.lora}"
    app = open_page("runs", **FILTERS, **VIEW, chosen=chosen)
    expected = table(app)
    save(app, " by  accuracy ")
    assert views_of(seeded_copy)["by accuracy"] == {
        "search": ["lora"],
        "method": ["LoRA"],
        "r": ["4", "8"],
        "from": ["2020-01-01"],
        **{key: value if isinstance(value, list) else [value] for key, value in VIEW.items()},
        "dataset": ["1"],
        "chosen": [chosen],
    }
    app = open_page("runs", tag="nothing", sort="size")
    app.selectbox(key="view").set_value("by accuracy").run()
    assert not app.exception and not app.warning
    assert table(app).equals(expected)
    assert "2 selected" in page_text(app)
    in_url = {key: app.query_params[key] for key in ("search", "sort", "chosen")}
    assert in_url == {"search": "lora", "sort": "accuracy", "chosen": chosen}


def test_view_of_another_data_set_loads_it(seeded_copy, open_runs):
    other = seeded_copy.other_test_set
    dataset = queries.run(store_of(seeded_copy), other).dataset_id
    save_view(store_of(seeded_copy), "runs", "other", {"dataset": [str(dataset)], "group": [""], "search": ["#6"]})
    app = open_runs(search="lora")
    app.selectbox(key="view").set_value("other").run()
    assert not app.exception and not app.warning
    assert app.query_params["dataset"] == str(dataset)
    assert app.text_input(key="search").value == "#6" and ids(app) == [str(other)]


def test_saving_under_an_existing_name_overwrites_it_and_says_so(seeded_copy, open_runs):
    save_view(store_of(seeded_copy), "runs", "paper", {"sort": ["size"]})
    app = open_runs(search="lora")
    app.text_input(key="view name").set_value("paper").run()
    assert app.button(key="save view").label == "Overwrite"
    app.button(key="save view").click().run()
    assert views_of(seeded_copy) == {"paper": {"search": ["lora"], "group": [""], "dataset": ["1"]}}
    app.button(key="delete view").click().run()
    assert not app.exception and views_of(seeded_copy) == {}


def test_view_opens_without_what_no_longer_exists(seeded_copy, open_runs):
    parameters = {"columns": ["accuracy", "old"], "tag": ["gone"], "dropout": ["0.5"], "chosen": ["99"], "group": [""]}
    save_view(store_of(seeded_copy), "runs", "old", parameters)
    app = open_runs()
    app.selectbox(key="view").set_value("old").run()
    assert not app.exception
    message = app.warning[0].value.replace("\\", "")
    assert message.endswith("here: column old, tag gone, dropout 0.5, run 99.")
    assert list(table(app)) == ["#", "name", "accuracy"] and len(ids(app)) == 7


def test_hostile_name_of_a_view_is_escaped(seeded_copy, open_runs):
    save_view(store_of(seeded_copy), "runs", "**a**\u202eb", {"search": ["tfidf"]})
    app = open_runs()
    assert app.selectbox(key="view").options == ["**a**⟨U+202E⟩b"]
    app.selectbox(key="view").set_value("**a**\u202eb").run()
    assert names(app) == ["tfidf"]


def test_viewer_opens_views_and_cannot_save_them(seeded_copy, open_runs, monkeypatch):
    save_view(store_of(seeded_copy), "runs", "mine", {"search": ["tfidf"], "group": [""]})
    monkeypatch.setenv(access.READ_ONLY, "1")
    app = open_runs()
    app.selectbox(key="view").set_value("mine").run()
    assert names(app) == ["tfidf"] and content(app)
    assert not [widget for widget in (*app.button, *app.text_input) if widget.key in ("save view", "view name")]
