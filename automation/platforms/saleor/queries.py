"""What Saleor is asked, in GraphQL, and what its webhooks are told to say: the same fields for both.

https://docs.saleor.io/api-reference · https://docs.saleor.io/developer/extending/webhooks/subscription-webhook-payloads
"""

from __future__ import annotations

from collections.abc import Mapping

_MONEY = "{ amount currency }"
_GROSS = f"{{ gross {_MONEY} }}"
_ADDRESS = "{ firstName lastName phone city postalCode countryArea country { code } }"
_VARIANT = "variant { id sku name product { id } }"
_PERSON = "{ id email firstName lastName }"

CUSTOMER = f"""id email firstName lastName languageCode dateJoined updatedAt isActive
  metadata {{ key value }} defaultBillingAddress {_ADDRESS} defaultShippingAddress {_ADDRESS}"""
ORDER = f"""id number status chargeStatus paymentStatus userEmail languageCodeEnum created updatedAt checkoutId
  voucherCode user {_PERSON} billingAddress {_ADDRESS} total {{ gross {_MONEY} tax {_MONEY} }} isPaid
  subtotal {_GROSS} shippingPrice {_GROSS}
  undiscountedTotal {_GROSS} totalRefunded {_MONEY}
  lines {{ productName variantName productSku quantity unitPrice {_GROSS} {_VARIANT} }}"""
CHECKOUT = f"""id token email languageCode created updatedAt user {_PERSON} billingAddress {_ADDRESS}
  totalPrice {_GROSS} lines {{ quantity unitPrice {_GROSS} variant {{ id sku name product {{ id name }} }} }}"""
PRODUCT = f"""id name slug description created updatedAt thumbnail(size: 512) {{ url }} category {{ name }}
  channelListings {{ channel {{ slug }} isPublished }}
  variants {{ id name sku quantityAvailable channelListings {{ channel {{ slug }} price {_MONEY} }} }}"""

FIELDS: Mapping[str, str] = {"user": CUSTOMER, "order": ORDER, "checkout": CHECKOUT, "product": PRODUCT}
"""Name of the object in a body → what is told of it."""
_LISTS: Mapping[str, tuple[str, str, int]] = {
    "products": ("ProductFilterInput", PRODUCT, 50),
    "customers": ("CustomerFilterInput", CUSTOMER, 100),
    "checkouts": ("CheckoutFilterInput", CHECKOUT, 50),
    "orders": ("OrderFilterInput", ORDER, 50),
}


def listing(name: str) -> str:
    """The query for a page of one list; takes $after and $filter."""
    kind, fields, size = _LISTS[name]
    return (
        f"query ($after: String, $filter: {kind}) {{ found: {name}(first: {size}, after: $after, filter: $filter)"
        f" {{ totalCount pageInfo {{ hasNextPage endCursor }} edges {{ node {{ {fields} }} }} }} }}"
    )


def subscription(events: Mapping[str, str]) -> str:
    """What the webhooks are to say, for {EVENT: name of the object in its body}."""
    told = " ".join(
        f"... on {_type(event)} {{ {name} {{ {'id' if event.endswith('DELETED') else FIELDS[name]} }} }}"
        for event, name in events.items()
    )
    return f"subscription {{ event {{ __typename issuedAt {told} }} }}"


def _type(event: str) -> str:
    """ORDER_FULLY_PAID → OrderFullyPaid."""
    return "".join(word.capitalize() for word in event.split("_"))


SHOP = "query { shop { name } }"
HOOKS = "query { app { webhooks { id name targetUrl } } }"
ADD_HOOK = """mutation ($input: WebhookCreateInput!) { webhookCreate(input: $input) {
  webhook { id } errors { field message code } } }"""
CHANGE_HOOK = """mutation ($id: ID!, $input: WebhookUpdateInput!) { webhookUpdate(id: $id, input: $input) {
  webhook { id } errors { field message code } } }"""

CHANNELS = "query { channels { id slug currencyCode isActive } }"
VOUCHERS = """query ($search: String!) { vouchers(first: 5, filter: {search: $search}) {
  edges { node { id name channelListings { id } } } } }"""
CODES = """query ($id: ID!, $after: String) { voucher(id: $id) { codes(first: 100, after: $after) {
  pageInfo { hasNextPage endCursor } edges { node { code } } } } }"""
MAKE = """mutation ($input: VoucherInput!) { voucherCreate(input: $input) {
  voucher { id } errors { field message code voucherCodes } } }"""
ADD = """mutation ($id: ID!, $input: VoucherInput!) { voucherUpdate(id: $id, input: $input) {
  voucher { id } errors { field message code voucherCodes } } }"""
LIST_IN = """mutation ($id: ID!, $input: VoucherChannelListingInput!) {
  voucherChannelListingUpdate(id: $id, input: $input) { voucher { id } errors { field message code } } }"""
