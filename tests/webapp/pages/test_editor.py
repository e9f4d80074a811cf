from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from automation.app import App
from automation.editing.tree import read
from automation.models import SavedBlock, Template, TemplateVersion
from tests.webapp.pages.test_templates import path_of
from tests.webapp.scene import Scene
from tests.webapp.visitor import Visitor

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def path(app: App, shop: Scene) -> str:
    return path_of(app, "newsletter")


def newest(app: App) -> TemplateVersion:
    with app.db.read() as session:
        wanted = select(Template.latest_version_id).where(Template.name == "newsletter").scalar_subquery()
        return session.scalars(select(TemplateVersion).where(TemplateVersion.id == wanted)).one()


def number_of(mjml: str, words: str) -> int:
    document = read(mjml)
    return next(n.number for n in document.nodes if not n.children and words in document.inner(n))


def ask(keeper: Visitor, path: str, **given: Any) -> dict[str, Any]:
    answer = keeper.post(path, **given)
    assert answer.status_code in (200, 422), answer.text
    found: dict[str, Any] = answer.get_json()
    return found


def test_the_editor_holds_the_mail_as_it_is_stored(app: App, keeper: Visitor, path: str) -> None:
    stored = newest(app)
    answer = keeper.post(f"{path}/save", base=1, subject=stored.subject, mjml=stored.mjml.replace("\n", "\r\n"))
    assert answer.status_code == 303
    assert newest(app).id == stored.id


def test_what_was_written_is_shown_as_it_would_arrive(app: App, keeper: Visitor, path: str, shop: Scene) -> None:
    stored = newest(app)
    typed = {"subject": "For {{ customer.first_name }}", "mjml": stored.mjml}
    shown = ask(keeper, f"{path}/look", **typed)
    assert shown["subject"] == "For Ada"
    assert 'class="cw-b' in shown["html"]
    assert "/o/preview.gif" not in shown["html"]
    assert 'data-block="0"' in shown["outline"]
    assert len(shown["levels"]) == len(read(stored.mjml).nodes)
    assert "of 102 KB" in shown["findings"]
    real = ask(keeper, f"{path}/look", customer=shop.ada, theme="dark", **typed)
    assert "prefers-color-scheme: dark" not in real["html"]
    assert "Of this customer: " in real["findings"]
    assert newest(app).id == stored.id


def test_a_mistake_says_line_and_block_and_nothing_is_stored(app: App, keeper: Visitor, path: str) -> None:
    stored = newest(app)
    number = number_of(stored.mjml, "unsubscribe_url")
    node = read(stored.mjml).nodes[number]
    broken = stored.mjml[: node.open_end] + "{{ a b }}" + stored.mjml[node.open_end :]
    for what in ("look", "save"):
        headers = ask(keeper, f"{path}/look", subject="x", mjml=broken)
        line = read(stored.mjml).line(node.start)
        assert headers["error"]["line"] == line, what
        assert headers["error"]["text"].startswith(f"Line {line}, Text: ")
        assert headers["error"]["block"] == number
    page = keeper.post(f"{path}/save", base=1, subject="Typed <anew>", mjml=broken)
    assert page.status_code == 422
    assert "Typed &lt;anew&gt;" in page.text
    assert "{{ a b }}" in page.text
    assert f"Line {line}, Text" in page.text
    assert newest(app).id == stored.id


def test_what_somebody_else_saved_is_not_written_over(app: App, keeper: Visitor, path: str) -> None:
    stored = newest(app)
    keeper.post(f"{path}/save", base=1, subject="Theirs", mjml=stored.mjml)
    answer = keeper.post(f"{path}/save", base=1, subject="Mine", mjml=stored.mjml)
    assert answer.status_code == 422
    assert "saved version 2 meanwhile" in answer.text
    assert 'value="Mine"' in answer.text
    assert newest(app).subject == "Theirs"


def test_every_edit_answers_the_text_that_comes_of_it(app: App, keeper: Visitor, path: str) -> None:
    mjml = newest(app).mjml
    count = len(read(mjml).nodes)

    def change(op: str, block: int | str, **more: Any) -> tuple[str, int | None]:
        found = ask(keeper, f"{path}/change", mjml=mjml, op=op, block=block, **more)
        assert "error" not in found, found
        return found["mjml"], found["selected"]

    text = number_of(mjml, "unsubscribe_url")
    made, selected = change("insert", text, kind="button", place="before")
    assert selected is not None
    assert read(made).nodes[selected].name == "mj-button"
    copied, selected = change("duplicate", text)
    assert (len(read(copied).nodes), selected) == (count + 1, text + 1)
    assert len(read(change("delete", text)[0]).nodes) == count - 1
    rich, _ = change(
        "rich", text, value='<p>New <span data-jinja="{{ customer.first_name }}">x</span><script>x</script></p>'
    )
    assert "<p>New {{ customer.first_name }}</p></mj-text>" in rich
    assert 'color="#123456"' in change("attribute", text, name="color", value="#123456")[0]
    assert change("drop", text, target=0, place="before")[0].index("unsubscribe_url") < mjml.index("unsubscribe_url")
    assert change("up", 0) == (mjml, 0)


@pytest.mark.parametrize(
    "given",
    [
        {"op": "nonsense", "block": 0},
        {"op": "insert", "kind": "nonsense"},
        {"op": "insert", "kind": "text", "place": "above"},
        {"op": "up"},
        {"op": "drop", "block": 0, "target": 999},
        {"op": "attribute", "block": 0, "name": "a b"},
        {"op": "delete", "block": 999},
    ],
)
def test_an_edit_that_makes_no_sense_is_refused(keeper: Visitor, path: str, app: App, given: dict[str, Any]) -> None:
    answer = keeper.post(f"{path}/change", mjml=newest(app).mjml, **given)
    assert answer.status_code == 422
    assert answer.get_json()["error"]["text"]


def test_the_inspector_shows_text_as_chips_and_the_attributes(app: App, keeper: Visitor, path: str) -> None:
    mjml = newest(app).mjml
    shown = keeper.post(f"{path}/inspect", mjml=mjml, block=number_of(mjml, "unsubscribe_url"), name="newsletter").text
    assert 'data-jinja="{{ store.name }}"' in shown
    assert "style=" not in shown.replace("data-style=", "")
    assert 'data-name="font-size"' in shown
    assert "{{ customer.city }}" in shown
    assert keeper.post(f"{path}/inspect", mjml=mjml, block=999).status_code == 404


def test_a_block_is_kept_put_into_a_mail_and_dropped(app: App, keeper: Visitor, path: str) -> None:
    mjml = newest(app).mjml
    number = number_of(mjml, "unsubscribe_url")
    assert "Ways out" in keeper.post(f"{path}/keep", mjml=mjml, block=number, value="Ways out").text
    assert keeper.post(f"{path}/keep", mjml=mjml, block=number, value=" ").status_code == 422
    with app.db.read() as session:
        kept = session.scalars(select(SavedBlock)).one()
    node = read(mjml).nodes[number]
    assert kept.mjml == mjml[node.start : node.end]
    made = ask(keeper, f"{path}/change", mjml=mjml, op="insert", kind=f"saved:{kept.public_id}", block=0)
    assert made["mjml"].count("unsubscribe_url") == mjml.count("unsubscribe_url") + 1
    assert "Ways out" not in keeper.post(f"/templates/blocks/{kept.public_id}/forget").text
    assert keeper.post(f"/templates/blocks/{kept.public_id}/forget").status_code == 404


def test_customers_are_found_to_preview_as(keeper: Visitor, path: str, shop: Scene) -> None:
    shown = keeper.get("/templates/people?q=ada", fragment=True)
    assert f'data-preview-as="{shop.ada}"' in shown
    assert "hana@example.com" not in shown
    assert "No customer with an address matches" in keeper.get("/templates/people?q=nobody", fragment=True)


def test_the_canvas_lets_no_script_run(keeper: Visitor, path: str) -> None:
    policy = keeper.ask("/templates/canvas").headers["Content-Security-Policy"]
    assert "script-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy


def test_what_reaches_outside_the_sandbox_is_refused(app: App, keeper: Visitor, path: str) -> None:
    for tag in (
        "{{ ''.__class__ }}",
        "{% include '/etc/passwd' %}",
        "{{ store.name.format() }}",
        "<mj-include path='/etc/passwd' />",
    ):
        source = newest(app).mjml.replace(
            "</mj-body>", f"<mj-section><mj-column><mj-text>{tag}</mj-text></mj-column></mj-section></mj-body>"
        )
        shown = ask(keeper, f"{path}/look", subject="x", mjml=source)
        assert "error" in shown or "class 'str'" not in shown["html"], tag
        assert "root:" not in str(shown)
