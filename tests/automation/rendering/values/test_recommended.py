from datetime import timedelta

from sqlalchemy.orm import Session

from automation.app import App
from automation.models import Customer, Message, Product, Store
from tests import make
from tests.automation.rendering.named import message, value
from tests.conftest import NOW


class Shop:
    """Cups are bought with saucers by three, with spoons by two, with trays by one."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.store: Store = make.store(session)
        names = ("cup", "saucer", "spoon", "tray", "new")
        self.wares: dict[str, Product] = {
            name: make.product(session, self.store, name, title=name, created_at=NOW - timedelta(days=100 - age))
            for age, name in enumerate(names)
        }
        for number, basket in enumerate((("saucer", "spoon"), ("saucer", "spoon"), ("saucer", "tray"))):
            buyer = make.customer(session, self.store, f"Buyer{number}")
            self.buys(buyer, "cup", *basket, external_id=f"b{number}")

    def buys(self, customer: Customer, *names: str, external_id: str = "o1", days: int = 20) -> int:
        goods = tuple(self.wares[name] for name in names)
        at = NOW - timedelta(days=days)
        return make.order(self.session, self.store, customer, at, external_id, products=goods).id

    def mail(self, customer: Customer, order_id: int) -> Message:
        return message(
            self.session, customer, "recommended", **make.about(self.session, customer, "cross_sell", order_id)
        )


def titles(app: App, row: Message) -> list[str]:
    return [product["title"] for product in value(app, row, "recommended")]


def test_what_is_bought_together_most_often_comes_first_then_what_is_new(app: App) -> None:
    with app.db.write() as session:
        shop = Shop(session)
        ada = make.customer(session, shop.store)
        row = shop.mail(ada, shop.buys(ada, "cup"))
    assert titles(app, row) == ["saucer", "spoon", "new", "tray"]


def test_what_the_customer_has_or_cannot_have_is_not_recommended(app: App) -> None:
    with app.db.write() as session:
        shop = Shop(session)
        ada = make.customer(session, shop.store)
        shop.buys(ada, "spoon", external_id="o0", days=90)
        shop.wares["saucer"].stock = 0
        row = shop.mail(ada, shop.buys(ada, "cup"))
    assert titles(app, row) == ["new", "tray"]


def test_a_mail_that_is_about_no_order_goes_by_the_last_one(app: App) -> None:
    with app.db.write() as session:
        shop = Shop(session)
        ada, eve = make.customer(session, shop.store), make.customer(session, shop.store, "Eve")
        shop.buys(ada, "tray", external_id="o0", days=90)
        shop.buys(ada, "cup", days=10)
        rows = [message(session, who, "recommended") for who in (ada, eve)]
    assert titles(app, rows[0]) == ["saucer", "spoon", "new"]
    assert titles(app, rows[1]) == ["new", "tray", "spoon", "saucer"], "who bought nothing is shown what is new"
