"""What Shopify's Admin API is asked, in GraphQL. https://shopify.dev/docs/api/admin-graphql

A single query may cost 1,000 points at most, and a connection costs what it may hold times what each of it holds:
hence the small pages. Lines and variants beyond a page are asked for one object at a time.
"""

from __future__ import annotations

_PAGE = "pageInfo { hasNextPage endCursor }"
_MONEY = "{ shopMoney { amount currencyCode } }"
_ADDRESS = "{ firstName lastName phone city zip province provinceCode countryCodeV2 }"
_LINE = f"""{{ title quantity sku product {{ id }} variant {{ id }}
    originalUnitPriceSet {_MONEY} totalDiscountSet {_MONEY} }}"""
_LEFT_LINE = f"{{ title quantity sku product {{ id }} variant {{ id }} originalUnitPriceSet {_MONEY} }}"
_VARIANT = "{ id title sku price compareAtPrice inventoryQuantity inventoryItem { tracked } image { url } }"
_CUSTOMER = f"""{{ id firstName lastName locale tags createdAt updatedAt
    defaultEmailAddress {{ emailAddress marketingState marketingOptInLevel marketingUpdatedAt }}
    defaultPhoneNumber {{ phoneNumber }} defaultAddress {_ADDRESS} }}"""
_BUYER = "{ id firstName lastName defaultEmailAddress { emailAddress } }"

PRODUCTS = f"""query ($after: String, $query: String) {{
  total: productsCount(query: $query) {{ count }}
  found: products(first: 10, after: $after, query: $query, sortKey: ID) {{
    {_PAGE}
    nodes {{ id title handle descriptionHtml vendor productType status tags createdAt updatedAt
      featuredMedia {{ preview {{ image {{ url }} }} }}
      variants(first: 20) {{ {_PAGE} nodes {_VARIANT} }} }}
  }}
}}"""
VARIANTS = (
    f"query ($id: ID!) {{ found: product(id: $id) {{ rest: variants(first: 200) {{ {_PAGE} nodes {_VARIANT} }} }} }}"
)
CUSTOMERS = f"""query ($after: String, $query: String) {{
  total: customersCount(query: $query) {{ count }}
  found: customers(first: 100, after: $after, query: $query, sortKey: ID) {{ {_PAGE} nodes {_CUSTOMER} }}
}}"""
CHECKOUTS = f"""query ($after: String, $query: String) {{
  total: abandonedCheckoutsCount(query: $query) {{ count }}
  found: abandonedCheckouts(first: 10, after: $after, query: $query, sortKey: CREATED_AT) {{
    {_PAGE}
    nodes {{ id abandonedCheckoutUrl createdAt updatedAt completedAt customer {_BUYER}
      billingAddress {_ADDRESS} subtotalPriceSet {_MONEY}
      lineItems(first: 10) {{ {_PAGE} nodes {_LEFT_LINE} }} }}
  }}
}}"""
ORDERS = f"""query ($after: String, $query: String) {{
  total: ordersCount(query: $query) {{ count }}
  found: orders(first: 8, after: $after, query: $query, sortKey: ID) {{
    {_PAGE}
    nodes {{ id name email customerLocale currencyCode createdAt processedAt updatedAt cancelledAt
      displayFinancialStatus displayFulfillmentStatus discountCodes customer {_BUYER} billingAddress {_ADDRESS}
      totalPriceSet {_MONEY} subtotalPriceSet {_MONEY} totalDiscountsSet {_MONEY} totalTaxSet {_MONEY}
      totalShippingPriceSet {_MONEY}
      refunds(first: 5) {{ id createdAt totalRefundedSet {_MONEY} }}
      lineItems(first: 10) {{ {_PAGE} nodes {_LINE} }} }}
  }}
}}"""
LINES = f"query ($id: ID!) {{ found: order(id: $id) {{ rest: lineItems(first: 100) {{ {_PAGE} nodes {_LINE} }} }} }}"

SHOP = "query { shop { name currencyCode ianaTimezone } }"
SUBSCRIPTIONS = "query { webhookSubscriptions(first: 250) { nodes { id topic uri } } }"
SUBSCRIBE = """mutation ($topic: WebhookSubscriptionTopic!, $uri: String!) {
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: {uri: $uri, format: JSON}) {
    webhookSubscription { id } userErrors { field message }
  }
}"""

DISCOUNT = """query ($query: String!) { codeDiscountNodes(first: 5, query: $query) {
  nodes { id codeDiscount { __typename ... on DiscountCodeBasic { title } ... on DiscountCodeFreeShipping { title } } }
} }"""
BASIC = """mutation ($input: DiscountCodeBasicInput!) { discountCodeBasicCreate(basicCodeDiscount: $input) {
  codeDiscountNode { id } userErrors { field code message } } }"""
SHIPPING = """mutation ($input: DiscountCodeFreeShippingInput!) {
  discountCodeFreeShippingCreate(freeShippingCodeDiscount: $input) {
    codeDiscountNode { id } userErrors { field code message } } }"""
ADD_CODES = """mutation ($id: ID!, $codes: [DiscountRedeemCodeInput!]!) {
  discountRedeemCodeBulkAdd(discountId: $id, codes: $codes) {
    bulkCreation { id done } userErrors { field code message } } }"""


def whose(count: int) -> str:
    """A query that asks of `count` codes at once which discount each belongs to."""
    given = ", ".join(f"$c{n}: String!" for n in range(count))
    titles = "codeDiscount { ... on DiscountCodeBasic { title } ... on DiscountCodeFreeShipping { title } }"
    asked = " ".join(f"c{n}: codeDiscountNodeByCode(code: $c{n}) {{ id {titles} }}" for n in range(count))
    return f"query ({given}) {{ {asked} }}"
