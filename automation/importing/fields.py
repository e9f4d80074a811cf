"""What a file can hold, and which fields its columns can mean; a guess from how the columns are called."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

IGNORED = ""
"""The field of a column that is not read."""


@dataclass(frozen=True, slots=True)
class Field:
    """Something that a column can mean."""

    name: str
    label: str
    aliases: tuple[str, ...] = ()
    """What others call the column, in `plain` form."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the rows of a file are."""

    name: str
    label: str
    help: str
    fields: tuple[Field, ...]
    needs: tuple[tuple[str, ...], ...]
    """Of each group at least one field has to be there."""
    has_attributes: bool = False
    """Columns may be mapped to `attribute:…` and `special_date:…`."""


def _f(name: str, label: str = "", *aliases: str) -> Field:
    return Field(name, label or name.replace("_", " ").capitalize(), aliases)


_EMAIL = _f("email", "Mail address", "mail", "emailaddress", "mailaddress", "customeremail", "subscriber", "recipient")
_ID = _f("customer_id", "Customer's id at the shop", "customerid", "customernumber", "shopcustomerid", "externalid")
_UPDATED = _f("updated_at", "Last changed", "updated", "lastupdated", "lastmodified", "modified")
_TITLE = _f("title", "Title", "name", "producttitle", "productname", "description")
_CURRENCY = _f("currency", "Currency", "currencycode")
_EXTERNAL = _f("external_id", "Id at the shop", "id", "reference", "number")

_CONSENT = (
    _f("topic", "Topic", "list", "listname"),
    _f("source", "Source", "consentsource", "optinsource", "signupsource"),
    _f("wording", "Wording", "consentwording", "consenttext"),
    _f("ip", "Network address", "ipaddress", "optinip", "signupip"),
    _f("agent", "Browser", "useragent"),
    _f("detail", "Evidence", "evidence", "proof"),
)

_KINDS = (
    Kind(
        "customers",
        "Customers",
        "People with what is known of them, and whether they agreed to mails.",
        (
            _EMAIL,
            _f("external_id", "Id at the shop", "id", "customerid", "customernumber"),
            _f("first_name", "First name", "firstname", "givenname", "forename", "fname", "vorname", "prenom"),
            _f("last_name", "Last name", "lastname", "surname", "familyname", "lname", "nachname", "nom"),
            _f("phone", "Telephone", "phonenumber", "telephone", "mobile", "tel"),
            _f("locale", "Language", "language", "lang"),
            _f("timezone", "Time zone", "tz"),
            _f("country", "Country (two letters)", "countrycode", "defaultaddresscountrycode", "cc"),
            _f("region", "Region", "state", "province", "provincecode", "defaultaddressprovincecode"),
            _f("city", "City", "town", "ort", "defaultaddresscity"),
            _f("postcode", "Postcode", "zip", "zipcode", "postalcode", "plz", "defaultaddresszip"),
            _CURRENCY,
            _f("birthday", "Birthday", "birthdate", "dateofbirth", "dob", "geburtstag"),
            _f("tags", "Tags", "tag", "labels", "groups"),
            _f("attributes", "Attributes (JSON)", "customfields", "properties"),
            _f("special_dates", "Special dates (JSON)", "specialdates"),
            _f("origin", "First touch (JSON)", "firsttouch"),
            _f(
                "consent",
                "Agreed to mails",
                "optin",
                "subscribed",
                "acceptsmarketing",
                "acceptsemailmarketing",
                "status",
            ),
            _f("consent_at", "Agreed on", "optintime", "optindate", "subscribedat", "confirmtime", "signupdate"),
            _f("consent_source", "Agreed where", "optinsource", "signupsource", "consentsource"),
            _f("consent_wording", "Agreed by which words", "consenttext", "consentwording"),
            _f("consent_ip", "Agreed from which network address", "optinip", "ipaddress", "signupip"),
            _f("notes", "Notes", "note", "comment", "comments", "remark", "remarks", "notiz", "notizen"),
            _f("paused_until", "No mails before", "pauseduntil", "snoozeduntil", "pause"),
            _f("most_per_week", "Most mails a week", "mostperweek", "maxperweek", "weeklylimit"),
            _f("most_per_month", "Most mails a month", "mostpermonth", "maxpermonth", "monthlylimit"),
            _f("created_at", "Known since", "created", "createdat", "registered", "customersince", "dateadded"),
            _UPDATED,
        ),
        (("email", "external_id"),),
        has_attributes=True,
    ),
    Kind(
        "suppressions",
        "Suppressions",
        "Addresses that must not be mailed: what bounced and who complained at the old provider.",
        (
            _EMAIL,
            _f("reason", "Reason", "type", "suppressionreason", "status"),
            _f("detail", "Detail", "description", "message", "bouncereason"),
            _f("at", "Since", "date", "createdat", "created", "timestamp", "suppressedat"),
        ),
        (("email",),),
    ),
    Kind(
        "consents",
        "Consents",
        "Lines of a consent ledger: who agreed to what, or withdrew, when and where.",
        (
            _EMAIL,
            _ID,
            _f("status", "Granted or withdrawn", "consent", "optin", "subscribed"),
            _f("at", "When", "date", "consentat", "optintime", "timestamp", "optindate"),
            *_CONSENT,
            _f("basis", "Basis (express or implied)"),
            _f("expires_at", "Ends on"),
        ),
        (("email", "customer_id"), ("status",)),
    ),
    Kind(
        "due_items",
        "Due items",
        "Payments, appointments, renewals: whatever has a date that customers are to be reminded of.",
        (
            _EMAIL,
            _ID,
            _f("kind", "Kind (payment, appointment …)", "type"),
            _EXTERNAL,
            _f("due_at", "Due on", "due", "duedate", "date", "deadline", "appointment", "renewaldate", "paymentdue"),
            _f("done_at", "Done on", "done", "paidat", "paidon", "completedat"),
            _TITLE,
            _f("url", "Link", "link", "paymentlink"),
            _f("amount", "Amount", "total", "price", "sum"),
            _CURRENCY,
            _f("properties", "Properties (JSON)"),
            _UPDATED,
        ),
        (("email", "customer_id"), ("external_id",), ("due_at",)),
    ),
    Kind(
        "orders",
        "Orders",
        "The history of orders, one row each.",
        (
            _EMAIL,
            _ID,
            _f("external_id", "Order's id at the shop", "id", "orderid", "orderreference"),
            _f("number", "Order number", "ordernumber", "name"),
            _CURRENCY,
            *(_f(n) for n in ("subtotal", "discount", "shipping", "tax")),
            _f("total", "Total", "amount", "ordertotal", "grandtotal"),
            _f("refunded", "Refunded", "refundedamount", "refund"),
            _f("codes", "Discount codes", "discountcode", "coupon", "couponcode"),
            _f("lines", "Lines (JSON)", "items", "lineitems"),
            _f("origin", "Source (JSON)"),
            _f("placed_at", "Placed on", "date", "orderdate", "createdat", "created", "processedat"),
            _f("paid_at", "Paid on"),
            _f("fulfilled_at", "Sent on", "shippedat", "fulfilledat"),
            _f("delivered_at", "Arrived on"),
            _f("cancelled_at", "Cancelled on", "canceledat"),
            _UPDATED,
        ),
        (("external_id",), ("total",), ("placed_at",)),
    ),
    Kind(
        "products",
        "Products",
        "What the store sells, one row each.",
        (
            _f("external_id", "Id at the shop", "id", "productid", "handle", "sku"),
            _TITLE,
            _f("description", "Description", "body", "bodyhtml"),
            _f("url", "Link", "link", "producturl"),
            _f("image_url", "Picture", "image", "imagelink", "imagesrc", "picture"),
            _f("category", "Category", "type", "producttype", "productcategory"),
            _f("vendor", "Brand", "brand", "manufacturer"),
            _f("tags", "Tags"),
            _f("price", "Price", "variantprice"),
            _f("compare_at", "Price before", "compareatprice", "variantcompareatprice", "listprice"),
            _f("cost", "Cost", "costperitem"),
            _f("stock", "Stock", "inventory", "quantity", "variantinventoryqty"),
            _f("state", "State (active, draft, archived)", "status"),
            _f("variants", "Variants (JSON)"),
            _f("created_at", "Created on", "created"),
            _UPDATED,
        ),
        (("external_id",), ("title",)),
    ),
    Kind(
        "events",
        "Events",
        "Anything that happened, by any name.",
        (
            _EMAIL,
            _ID,
            _f("name", "Name", "event", "eventname", "action"),
            _f("at", "When", "date", "timestamp", "time", "occurredat", "createdat"),
            _f("external_id", "Id of the event", "id", "eventid"),
            _f("properties", "Properties (JSON)", "data", "payload"),
        ),
        (("name",), ("at",)),
    ),
)

KINDS: dict[str, Kind] = {kind.name: kind for kind in _KINDS}
"""Every kind by name."""


def plain(header: str) -> str:
    """A column's name as it is compared: letters and digits in lower case."""
    return re.sub(r"[^a-z0-9]", "", header.lower())


def guess(kind: Kind, headers: Sequence[str], saved: Mapping[str, str] | None = None) -> dict[int, str]:
    """What each column means, {number: field}: as it was saved for such a header, else by its name. Each field once."""
    known = dict(saved or {})
    found: dict[int, str] = {}
    taken: set[str] = set()
    by_name: dict[str, str] = {}
    for field in kind.fields:
        by_name.setdefault(plain(field.name), field.name)
    for field in kind.fields:
        for alias in (*map(plain, (field.label,)), *field.aliases):
            by_name.setdefault(alias, field.name)
    for number, header in enumerate(headers):
        named = known.get(header, by_name.get(plain(header), IGNORED))
        if kind.has_attributes and not named and (match := re.match(r"(attribute|special_date)[:.](.+)", header)):
            named = f"{match[1]}:{match[2].strip()}"
        if named and named not in taken and is_field(kind, named):
            taken.add(named)
            found[number] = named
    return found


def is_field(kind: Kind, name: str) -> bool:
    """Whether a column of this kind of file can mean that."""
    if kind.has_attributes and re.fullmatch(r"attribute:[^\x00-\x1f:]{1,64}|special_date:[a-z0-9_]{1,64}", name):
        return True
    return any(field.name == name for field in kind.fields)


def missing(kind: Kind, mapping: Mapping[int, str]) -> list[str]:
    """What no column means though something has to, in words."""
    mapped = set(mapping.values())
    labels = {field.name: field.label for field in kind.fields}
    return [" or ".join(labels[name] for name in group) for group in kind.needs if not mapped & set(group)]
