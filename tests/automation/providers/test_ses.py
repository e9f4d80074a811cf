from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from pydantic import ValidationError

from automation.changes import MailEvent
from automation.errors import BadSignature, HeldBack, Later, Misconfigured, Refused, SendError, Unreadable, Unsure
from automation.provider import Accepted, Envelope, Request
from automation.providers.ses import SES
from automation.providers.ses.signing import Signer
from tests.automation.providers import official
from tests.conftest import NOW, Net
from tests.contracts.provider_worlds import WORLDS, mail
from tests.sns import CERTIFICATE_URL, TOPIC_ARN, sns_certificate, sns_envelope, sns_signed

OPEN = b'{"eventType": "Open", "mail": {"messageId": "m1"}}'


def ses(net: Net, **settings: Any) -> SES:
    return SES(SES.Settings.model_validate({**WORLDS["ses"].settings, **settings}), net.client())


def serving(net: Net) -> Net:
    """SNS, which has the certificate and takes confirmations."""
    net.answer = lambda r: httpx.Response(200, content=sns_certificate() if r.url.path.endswith(".pem") else b"<ok/>")
    return net


@pytest.mark.parametrize(
    ("method", "body", "given", "signature"),
    [
        ("GET", b"", {}, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", b"", {}, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "POST",
            b"Param1=value1",
            {"content_type": "application/x-www-form-urlencoded"},
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
    ],
)
def test_the_vectors_of_aws_own_test_suite_hold(
    method: str, body: bytes, given: dict[str, str], signature: str
) -> None:
    signer = Signer("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service")
    at = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
    headers = signer.headers(method, "https://example.amazonaws.com/", body, at, **given)
    assert headers["authorization"].endswith(f"Signature={signature}")
    assert "wJalr" not in repr(signer)


def test_a_mail_as_ses_gets_it(net: Net) -> None:
    net.answer = WORLDS["ses"].accepts or net.answer
    ses(net).send([mail(1)], "key1")
    (request,) = net.requests
    assert str(request.url) == "https://email.eu-west-1.amazonaws.com/v2/email/outbound-emails"
    assert "SignedHeaders=content-type;host;x-amz-date," in request.headers["authorization"]
    assert "/eu-west-1/ses/aws4_request" in request.headers["authorization"]
    assert orjson.loads(request.content) == {
        "FromEmailAddress": "Wren & Thistle <hello@wren.example.com>",
        "Destination": {"ToAddresses": ["=?utf-8?q?Ada_=22Countess=22_L=C3=B6ve?= <ada1@example.com>"]},
        "ReplyToAddresses": ["help@wren.example.com"],
        "Content": {
            "Simple": {
                "Subject": {"Data": "Your cart is waiting ☕", "Charset": "UTF-8"},
                "Body": {
                    "Text": {"Data": "Hello", "Charset": "UTF-8"},
                    "Html": {"Data": "<p>Hello</p>", "Charset": "UTF-8"},
                },
                "Headers": [
                    {"Name": "List-Unsubscribe", "Value": "<https://mail.example.com/u/1>"},
                    {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
                ],
            }
        },
        "EmailTags": [{"Name": "message_id", "Value": "message1"}, {"Name": "campaign", "Value": "campaign1"}],
        "ConfigurationSetName": "set-of-tests",
    }


def fits(value: Any, shape: str, shapes: dict[str, Any], where: str = "") -> None:
    """Hold `value` against a shape of AWS's own service model."""
    found = shapes[shape]
    if found["type"] == "structure":
        assert set(value) <= set(found["members"]), where
        assert set(found.get("required", ())) <= set(value), where
        for name, inner in value.items():
            fits(inner, found["members"][name]["shape"], shapes, f"{where}.{name}")
    elif found["type"] == "list":
        assert len(value) <= found.get("max", 50), where
        for inner in value:
            fits(inner, found["member"]["shape"], shapes, where)
    else:
        assert isinstance(value, str), where
        assert found.get("min", 0) <= len(value) <= found.get("max", 10**7), where


def test_a_mail_fits_the_official_description(net: Net) -> None:
    described = official.spec("amazon-sesv2", "json")
    net.answer = WORLDS["ses"].accepts or net.answer
    ses(net).send([mail(1), mail(2, reply_to="", campaign="", headers={}, to_name="", text="")], "key1")
    for request in net.requests:
        fits(orjson.loads(request.content), "SendEmailRequest", described["shapes"])
    assert described["operations"]["SendEmail"]["http"]["requestUri"] == "/v2/email/outbound-emails"


def test_a_domain_beyond_ascii_is_written_in_ascii_and_a_name_before_it_refused(net: Net) -> None:
    net.answer = WORLDS["ses"].accepts or net.answer
    first, second = ses(net).send(
        [mail(1, to_email="ada@bücher.example.com"), mail(2, to_email="adä@example.com")], "k"
    )
    assert isinstance(first, Accepted)
    assert isinstance(second, Refused)
    assert b"ada@xn--bcher-kva.example.com" in net.requests[0].content


@pytest.mark.parametrize(
    ("status", "name", "message", "error", "after"),
    [
        (400, "MessageRejected", "Email address is not verified.", Misconfigured, None),
        (400, "MessageRejected", "Virus", Refused, None),
        (400, "BadRequestException", "Missing final '@domain'", Refused, None),
        (400, "ThrottlingException", "Maximum sending rate exceeded.", Later, timedelta(seconds=1)),
        (400, "ThrottlingException", "Daily message quota exceeded.", Later, timedelta(hours=1)),
        (429, "TooManyRequestsException", "slow down", Later, timedelta(seconds=1)),
        (400, "SendingPausedException", "paused", Misconfigured, None),
        (400, "AccountSuspendedException", "suspended", Misconfigured, None),
        (404, "NotFoundException", "no such set", Misconfigured, None),
        (403, "SignatureDoesNotMatch", "wrong key", Misconfigured, None),
        (500, "MessageRejected", "oops", Unsure, None),
    ],
)
def test_an_error_says_what_to_do_next(
    net: Net, status: int, name: str, message: str, error: type[SendError], after: timedelta | None
) -> None:
    headers = {"x-amzn-errortype": f"{name}:http://internal.amazon.com/"}
    net.answer = lambda _: httpx.Response(status, json={"message": message}, headers=headers)
    with pytest.raises(error, match=message) as caught:
        ses(net).send([mail()], "key1")
    assert (caught.value.code, getattr(caught.value, "after", None)) == (name, after)


def test_one_mail_without_an_answer_does_not_make_others_unknown(net: Net) -> None:
    net.answer = lambda _: httpx.Response(502)
    first, *others = ses(net).send([mail(n) for n in range(9)], "key1")
    assert isinstance(first, Unsure)
    assert all(isinstance(o, HeldBack) for o in others)


def account(net: Net, *kinds: str, arn: str = TOPIC_ARN, status: int = 200, **said: Any) -> Net:
    destination = {"Enabled": True, "SnsDestination": {"TopicArn": arn}, "MatchingEventTypes": list(kinds)}
    whole = {"SendingEnabled": True, "ProductionAccessEnabled": True, "SendQuota": {"MaxSendRate": 14}, **said}
    net.answer = lambda r: (
        httpx.Response(200, json=whole)
        if r.url.path == "/v2/email/account"
        else httpx.Response(status, json={"EventDestinations": [destination]})
    )
    return net


def test_a_check_reads_the_account_and_what_it_publishes(net: Net) -> None:
    good = ("SEND", "BOUNCE", "COMPLAINT", "DELIVERY")
    assert ses(account(net, *good)).check() == "SES knows this key: 14 mails a second, ? a day."
    assert "sandbox" in ses(account(net, *good, ProductionAccessEnabled=False)).check()
    assert "Untick opens" in ses(account(net, *good, "OPEN")).check()
    assert "another topic" in ses(account(net, *good, arn="arn:other")).check()
    assert "bounce" in ses(account(net, "SEND")).check()
    assert "refused until" in ses(account(net, *good), topic_arn="").check()
    assert "not checked" in ses(account(net, status=403)).check()
    with pytest.raises(Misconfigured, match="set-of-tests"):
        ses(account(net, status=404)).check()
    with pytest.raises(Misconfigured, match="paused"):
        ses(account(net, *good, SendingEnabled=False)).check()


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_signed_delivery_opens_and_its_certificate_is_fetched_once(net: Net, version: str) -> None:
    there = ses(serving(net))
    for body in (OPEN, OPEN + b" "):
        envelope = there.open(Request({}, sns_signed(sns_envelope(body, NOW), version)), NOW)
        assert (envelope.topic, envelope.triggered_at) == ("Open", NOW)
    assert [str(r.url) for r in net.requests] == [CERTIFICATE_URL]


def test_a_subject_is_signed_too(net: Net) -> None:
    there = ses(serving(net))
    said = sns_signed(sns_envelope(OPEN, NOW, Subject="Amazon SES Email Event Notification"))
    assert there.open(Request({}, said), NOW).topic == "Open"
    with pytest.raises(BadSignature):
        there.open(Request({}, said.replace(b"Amazon SES Email", b"Amazon SES Mails")), NOW)


@pytest.mark.parametrize("name", ["Message", "MessageId", "Timestamp", "TopicArn", "Type", "Signature", "Subject"])
def test_a_changed_or_missing_field_is_turned_away(net: Net, name: str) -> None:
    there = ses(serving(net))
    said = orjson.loads(sns_signed(sns_envelope(OPEN, NOW)))
    later = (NOW + timedelta(seconds=1)).isoformat()
    for value in ("x", later, 7, None):
        changed = {**said, name: value}
        if value is None:
            changed.pop(name)
            if name == "Subject":
                continue
        with pytest.raises(BadSignature):
            there.open(Request({}, orjson.dumps(changed)), NOW)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/SimpleNotificationService-0a.pem",
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0a.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem?x=1",
        "https://s3.eu-west-1.amazonaws.com/SimpleNotificationService-0a.pem",
        "https://sns.eu-west-1.amazonaws.com/",
        "",
        7,
    ],
)
def test_nobody_sends_us_elsewhere_for_the_certificate(net: Net, url: Any) -> None:
    said = {**orjson.loads(sns_signed(sns_envelope(OPEN, NOW))), "SigningCertURL": url}
    with pytest.raises(BadSignature):
        ses(serving(net)).open(Request({}, orjson.dumps(said)), NOW)
    assert net.requests == []


def test_another_topic_is_turned_away_before_anybody_is_asked(net: Net) -> None:
    body = sns_signed(sns_envelope(OPEN, NOW, TopicArn="arn:aws:sns:eu-west-1:999999999999:mails"))
    for there in (ses(serving(net)), ses(serving(net), topic_arn="")):
        with pytest.raises(BadSignature):
            there.open(Request({}, body), NOW)
    assert net.requests == []


@pytest.mark.parametrize("age", [timedelta(hours=3), timedelta(minutes=-6)])
def test_an_old_or_future_delivery_is_turned_away(net: Net, age: timedelta) -> None:
    with pytest.raises(BadSignature, match="clock"):
        ses(serving(net)).open(Request({}, sns_signed(sns_envelope(OPEN, NOW))), NOW + age)


def test_a_certificate_out_of_its_time_or_of_another_kind_is_none(net: Net) -> None:
    at = datetime(2031, 1, 1, tzinfo=UTC)
    with pytest.raises(BadSignature, match="not valid today"):
        ses(serving(net)).open(Request({}, sns_signed(sns_envelope(OPEN, at))), at)
    net.answer = lambda _: httpx.Response(200, text="<html>")
    with pytest.raises(BadSignature):
        ses(net).open(Request({}, sns_signed(sns_envelope(OPEN, NOW))), NOW)


def test_a_certificate_that_cannot_be_had_now_is_asked_for_again(net: Net) -> None:
    there = ses(net)
    with pytest.raises(Later):
        there.open(Request({}, sns_signed(sns_envelope(OPEN, NOW))), NOW)
    serving(net)
    assert there.open(Request({}, sns_signed(sns_envelope(OPEN, NOW))), NOW).topic == "Open"


def confirmation(**given: str) -> bytes:
    url = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC_ARN}&Token=t"
    more = {"Type": "SubscriptionConfirmation", "Token": "t", "SubscribeURL": url}
    return sns_signed(sns_envelope(b"You have chosen to subscribe", NOW, **{**more, **given}))


def test_a_subscription_confirms_itself(net: Net) -> None:
    there = ses(serving(net))
    envelope = there.open(Request({}, confirmation()), NOW)
    assert [r.url.params.get("Action") for r in net.requests] == [None, "ConfirmSubscription"]
    assert envelope.topic not in there.topics
    assert there.translate(envelope) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example.com/?Action=ConfirmSubscription",
        f"https://sns.us-east-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC_ARN}&Token=t",
        f"https://sns.eu-west-1.amazonaws.com/?Action=Publish&TopicArn={TOPIC_ARN}",
        "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn:other&Token=t",
        f"http://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC_ARN}&Token=t",
    ],
)
def test_nobody_sends_us_elsewhere_for_the_confirmation(net: Net, url: str) -> None:
    with pytest.raises(BadSignature):
        ses(serving(net)).open(Request({}, confirmation(SubscribeURL=url)), NOW)
    assert [str(r.url) for r in net.requests] == [CERTIFICATE_URL]


def test_a_confirmation_that_sns_does_not_hear_is_asked_for_again(net: Net) -> None:
    net.answer = lambda r: httpx.Response(200 if r.url.path.endswith(".pem") else 500, content=sns_certificate())
    with pytest.raises(Later):
        ses(net).open(Request({}, confirmation()), NOW)


def test_the_end_of_a_subscription_is_noted_and_not_undone(net: Net) -> None:
    there = ses(serving(net))
    assert there.open(Request({}, confirmation(Type="UnsubscribeConfirmation")), NOW).topic == "UnsubscribeConfirmation"
    assert len(net.requests) == 1


def test_the_words_with_which_ses_greets_a_topic_mean_nothing(net: Net) -> None:
    there = ses(serving(net))
    greeting = b"Successfully validated SNS topic for Amazon SES event publishing."
    envelope = there.open(Request({}, sns_signed(sns_envelope(greeting, NOW))), NOW)
    assert (envelope.topic in there.topics, there.translate(envelope)) == (False, [])


def test_each_recipient_of_a_bounce_is_told_of(net: Net) -> None:
    bounce = {
        "bounceType": "Permanent",
        "bouncedRecipients": [{"emailAddress": "a@x.example.com"}, {"emailAddress": "b@x.example.com"}],
    }
    body = sns_envelope(orjson.dumps({"eventType": "Bounce", "bounce": bounce, "mail": {}}), NOW)
    found = ses(net).translate(Envelope("d1", "Bounce", orjson.dumps(body), NOW))
    assert [(e.email, e.external_id) for e in found if isinstance(e, MailEvent)] == [
        ("a@x.example.com", "d1"),
        ("b@x.example.com", "d1:1"),
    ]


def test_what_is_wrong_in_a_message_is_named(net: Net) -> None:
    for message, where in (("{", "Message"), ('{"eventType": "Open", "open": 7}', "open"), ("[]", "Message")):
        with pytest.raises(Unreadable, match=where):
            ses(net).translate(Envelope("d", "Open", orjson.dumps({"Message": message}), NOW))


@pytest.mark.parametrize(
    "settings",
    [
        {"region": "eu-west"},
        {"region": "eu-west-1.evil.example.com/"},
        {"topic_arn": "arn:aws:sqs:eu-west-1:123456789012:mails"},
        {"topic_arn": "arn:aws:sns:eu-west-1.evil:123456789012:mails"},
        {"configuration_set": "a/b"},
        {"access_key_id": "short"},
        {"secret_access_key": "a b"},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(net: Net, settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ses(net, **settings)


EXPECTED = {
    "bounce": "hard_bounce",
    "click": "click",
    "complaint": "complaint",
    "delivery": "delivered",
    "multiple-bounce": "hard_bounce",
    "open": "open",
    "reject": "rejected",
    "send": "accepted",
}


@pytest.mark.parametrize("path", official.payloads("ses") or [None], ids=lambda p: p.stem if p else "none")
def test_every_recorded_payload_is_understood(path: Any, net: Net) -> None:
    if path is None:
        pytest.skip("no recorded payloads here")
    said = orjson.loads(path.read_bytes())
    # Their signatures are made up and their days long gone: the message is signed anew.
    message = said["Message"].encode() if "sns" in path.stem else path.read_bytes()
    there = ses(serving(net))
    events = there.translate(there.open(Request({}, sns_signed(sns_envelope(message, NOW))), NOW))
    kind = path.stem.removeprefix("ses-event-").removeprefix("ses-sns-")
    assert len(events) == (2 if kind == "multiple-bounce" else 1)
    for event in events:
        assert isinstance(event, MailEvent)
        assert event.event == EXPECTED[kind]
        assert event.provider_id
        assert event.email
