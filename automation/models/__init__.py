"""Every table, one file a family."""

from automation.models.admins import Admin, AdminSession, ApiKey, AuditEntry, LoginFailure, LoginLink
from automation.models.campaigns import Campaign, CampaignVersion, Conversion, Cursor, Enrolment
from automation.models.commerce import Cart, CartItem, DueItem, Event, Order, OrderItem, Product, Variant
from automation.models.customers import (
    Consent,
    ConsentState,
    Customer,
    Identity,
    Segment,
    SegmentMember,
    SpecialDate,
    Suppression,
)
from automation.models.errands import Errand
from automation.models.loyalty import CustomerTier, PointsEntry
from automation.models.messages import (
    CLASSES,
    COUNTED,
    IN_FLIGHT,
    SENT,
    STATES,
    Attempt,
    Decision,
    Message,
    MessageEvent,
    Rendering,
)
from automation.models.operations import Heartbeat, Installation, Job, Lease, PrivacyRequest
from automation.models.record import Record, UTCDateTime
from automation.models.rhythms import CustomerRhythm, ProductRhythm, Repurchase
from automation.models.stores import Connection, InboundWebhook, Store, TopicCount
from automation.models.templates import Template, TemplateVersion

__all__ = [
    "CLASSES",
    "COUNTED",
    "IN_FLIGHT",
    "SENT",
    "STATES",
    "Admin",
    "AdminSession",
    "ApiKey",
    "Attempt",
    "AuditEntry",
    "Campaign",
    "CampaignVersion",
    "Cart",
    "CartItem",
    "Connection",
    "Consent",
    "ConsentState",
    "Conversion",
    "Cursor",
    "Customer",
    "CustomerRhythm",
    "CustomerTier",
    "Decision",
    "DueItem",
    "Enrolment",
    "Errand",
    "Event",
    "Heartbeat",
    "Identity",
    "InboundWebhook",
    "Installation",
    "Job",
    "Lease",
    "LoginFailure",
    "LoginLink",
    "Message",
    "MessageEvent",
    "Order",
    "OrderItem",
    "PointsEntry",
    "PrivacyRequest",
    "Product",
    "ProductRhythm",
    "Record",
    "Rendering",
    "Repurchase",
    "Segment",
    "SegmentMember",
    "SpecialDate",
    "Store",
    "Suppression",
    "Template",
    "TemplateVersion",
    "TopicCount",
    "UTCDateTime",
    "Variant",
]
