"""Every table, one file a family."""

from automation.models.admins import Admin, AdminSession, ApiKey, AuditEntry, LoginFailure, LoginLink
from automation.models.campaigns import (
    ENROLMENT_STATES,
    ArmPick,
    Campaign,
    CampaignVersion,
    Conversion,
    Cursor,
    Enrolment,
    Trial,
)
from automation.models.commerce import Cart, CartItem, CartVisit, DueItem, Event, Order, OrderItem, Product, Variant
from automation.models.customers import (
    Consent,
    ConsentState,
    Customer,
    FormerAddress,
    Identity,
    Segment,
    SegmentMember,
    SpecialDate,
    Suppression,
)
from automation.models.errands import Errand
from automation.models.experiments import Alert, AlertMute, Measurement, SeriesDay
from automation.models.feeds import Feed, FeedItem
from automation.models.imports import Import, ImportChunk, ImportMapping, ImportRefusal
from automation.models.journey import (
    TOUCHPOINT_KINDS,
    FeedbackNote,
    JourneyShare,
    JourneyStage,
    JourneyStay,
    Touchpoint,
)
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
    "TOUCHPOINT_KINDS",
    "Admin",
    "AdminSession",
    "Alert",
    "AlertMute",
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
    "DueItem",
    "Enrolment",
    "ErasedPerson",
    "Errand",
    "Event",
    "Feed",
    "FeedItem",
    "FeedbackNote",
    "Form",
    "FormDay",
    "FormVersion",
    "FormerAddress",
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
    "JourneyShare",
    "JourneyStage",
    "JourneyStay",
    "Lease",
    "LoginFailure",
    "LoginLink",
    "LoyaltyAccount",
    "Measurement",
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
    "SeriesDay",
    "SignUp",
    "SpecialDate",
    "Store",
    "Suppression",
    "Template",
    "TemplateVersion",
    "TopicCount",
    "Touchpoint",
    "Trial",
    "UTCDateTime",
    "Variant",
    "Visitor",
    "WarmDay",
]
