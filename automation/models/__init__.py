"""Every table, one file a family."""

from automation.models.admins import Admin, AdminSession, ApiKey, AuditEntry, LoginFailure, LoginLink
from automation.models.campaigns import (
    ENROLMENT_STATES,
    ArmPick,
    Campaign,
    CampaignVersion,
    Conversion,
    Cursor,
    DraftRevision,
    Enrolment,
    Trial,
)
from automation.models.commerce import Cart, CartItem, CartVisit, DueItem, Event, Order, OrderItem, Product, Variant
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
from automation.models.feeds import Feed, FeedItem
from automation.models.imports import Import, ImportChunk, ImportMapping, ImportRefusal
from automation.models.loyalty import CustomerTier, LoyaltyAccount, PointsEntry, Redemption, Referral, Reward
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
from automation.models.offers import Offer, OfferCode, OfferRefusal
from automation.models.operations import Heartbeat, Installation, Job, Lease, PrivacyRequest
from automation.models.outbox import Notice, OutboundWebhook
from automation.models.pacing import RateState, WarmDay
from automation.models.privacy import ErasedPerson, HitCount
from automation.models.ratings import Rating
from automation.models.recommendations import Basket, ProductDemand, ProductPair
from automation.models.record import Record, UTCDateTime
from automation.models.rhythms import CustomerRhythm, ProductRhythm, Repurchase
from automation.models.signups import Form, FormDay, FormVersion, SignUp, Visitor
from automation.models.stores import Connection, InboundWebhook, Store, TopicCount
from automation.models.templates import Template, TemplateVersion

__all__ = [
    "CLASSES",
    "COUNTED",
    "ENROLMENT_STATES",
    "IN_FLIGHT",
    "SENT",
    "STATES",
    "Admin",
    "AdminSession",
    "ApiKey",
    "ArmPick",
    "Attempt",
    "AuditEntry",
    "Basket",
    "Campaign",
    "CampaignVersion",
    "Cart",
    "CartItem",
    "CartVisit",
    "Connection",
    "Consent",
    "ConsentState",
    "Conversion",
    "Cursor",
    "Customer",
    "CustomerRhythm",
    "CustomerTier",
    "Decision",
    "DraftRevision",
    "DueItem",
    "Enrolment",
    "ErasedPerson",
    "Errand",
    "Event",
    "Feed",
    "FeedItem",
    "Form",
    "FormDay",
    "FormVersion",
    "Heartbeat",
    "HitCount",
    "Identity",
    "Import",
    "ImportChunk",
    "ImportMapping",
    "ImportRefusal",
    "InboundWebhook",
    "Installation",
    "Job",
    "Lease",
    "LoginFailure",
    "LoginLink",
    "LoyaltyAccount",
    "Message",
    "MessageEvent",
    "Notice",
    "Offer",
    "OfferCode",
    "OfferRefusal",
    "Order",
    "OrderItem",
    "OutboundWebhook",
    "PointsEntry",
    "PrivacyRequest",
    "Product",
    "ProductDemand",
    "ProductPair",
    "ProductRhythm",
    "RateState",
    "Rating",
    "Record",
    "Redemption",
    "Referral",
    "Rendering",
    "Repurchase",
    "Reward",
    "Segment",
    "SegmentMember",
    "SignUp",
    "SpecialDate",
    "Store",
    "Suppression",
    "Template",
    "TemplateVersion",
    "TopicCount",
    "Trial",
    "UTCDateTime",
    "Variant",
    "Visitor",
    "WarmDay",
]
