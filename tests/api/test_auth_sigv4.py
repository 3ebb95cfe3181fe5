"""Signatures as AWS's own examples, botocore's signer and a second reading of the documented algorithm make them."""

import hmac
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from endcap.api.auth import sigv4
from endcap.api.auth.received import Received, unknown
from endcap.api.wire import Refusal
from endcap.types import SECOND

KEY = "ECTESTTESTTESTTEST23"
SECRET = "wJalrXUtnFEMIxK7MDENGxbPxRfiCYEXAMPLEKEY"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SECRETS = {KEY: SECRET, "AKIDEXAMPLE": AWS_SECRET}
STAMP = b"20150830T123600Z"
NOON = int(datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()) * SECOND
VERIFIER = sigv4.Verifier()

Headers = list[tuple[bytes, bytes]]


def verify(
    received: Received, body: bytes, secret: str = "", verifier: sigv4.Verifier = VERIFIER, now: int = NOON
) -> sigv4.Signature:
    """The whole way of a signed request. Raises `Refusal`."""
    values = received.all(b"authorization")
    signature = sigv4.read_header(received, values[0]) if values else sigv4.read_query(received)
    verifier.check(signature, now)
    if signature.key not in SECRETS:
        raise unknown()
    verifier.verify(signature, secret or SECRETS[signature.key], body)
    return signature


def hashed(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), sha256).digest()


def documented(
    path: str,
    query: dict[str, str],
    headers: dict[str, str],
    body: bytes,
    scope: str,
    secret: str,
    method: str = "POST",
) -> str:
    """The signature by the six steps of the user guide, with nothing shared with what is tested."""
    names = sorted(headers)
    canonical = "\n".join(
        [
            method,
            quote(path, safe="/~"),
            "&".join(f"{quote(name, safe='-_.~')}={quote(query[name], safe='-_.~')}" for name in sorted(query)),
            *[f"{name}:{' '.join(headers[name].split())}" for name in names],
            "",
            ";".join(names),
            sha256(body).hexdigest(),
        ]
    )
    day, region, service, end = scope.split("/")
    text = "\n".join(["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256(canonical.encode()).hexdigest()])
    key = hashed(hashed(hashed(hashed(f"AWS4{secret}".encode(), day), region), service), end)
    return hmac.new(key, text.encode(), sha256).hexdigest()


def signed(
    body: bytes = b"{}",
    *,
    path: str = "/recommendations",
    stamp: str = STAMP.decode(),
    region: str = "us-east-1",
    service: str = "personalize",
    **more: str,
) -> Received:
    """A request that is right."""
    headers = {"host": "127.0.0.1:8420", "content-type": "application/json", "x-amz-date": stamp}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    signature = documented(path, {}, headers, body, scope, SECRET)
    names = ";".join(sorted(headers))
    authorization = f"AWS4-HMAC-SHA256 Credential={KEY}/{scope}, SignedHeaders={names}, Signature={signature}"
    sent = [(name.encode(), value.encode()) for name, value in {**headers, "authorization": authorization}.items()]
    return Received("POST", path.encode(), b"", sent)


def changed(received: Received, name: bytes, value: bytes | None) -> Received:
    """The same request with one header replaced, added, or, for None, without it."""
    kept = [(key, old) for key, old in received.headers if key != name]
    return replace(received, headers=kept if value is None else [*kept, (name, value)])


def reworded(received: Received, old: bytes, new: bytes) -> Received:
    (authorization,) = received.all(b"authorization")
    assert old in authorization
    return changed(received, b"authorization", authorization.replace(old, new, 1))


# From AWS's published test suite and its worked example of IAM's ListUsers: (request line, headers, body, signature).
SUITE = [
    ("GET", b"/", b"", [], b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("GET", b"/example/..", b"", [], b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("GET", b"//", b"", [], b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("GET", b"/./", b"", [], b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    ("GET", b"/./example", b"", [], b"", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
    ("GET", "/ሴ".encode(), b"", [], b"", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
    ("GET", b"/example space/", b"", [], b"", "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"),
    ("POST", b"/", b"", [], b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    (
        "GET",
        b"/",
        b"Param2=value2&Param1=value1",
        [],
        b"",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "GET",
        b"/",
        b"Param1=value1",
        [],
        b"",
        "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
    ),
    (
        "GET",
        b"/",
        b"",
        [(b"my-header1", b"value2"), (b"my-header1", b"value2"), (b"my-header1", b"value1")],
        b"",
        "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea",
    ),
    (
        "GET",
        b"/",
        b"",
        [
            (b"my-header1", b"value4"),
            (b"my-header1", b"value1"),
            (b"my-header1", b"value3"),
            (b"my-header1", b"value2"),
        ],
        b"",
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    ),
    (
        "GET",
        b"/",
        b"",
        [(b"my-header1", b" value1"), (b"my-header2", b' "a   b   c"')],
        b"",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    (
        "POST",
        b"/",
        b"",
        [(b"content-type", b"application/x-www-form-urlencoded")],
        b"Param1=value1",
        "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
    ),
]


@pytest.mark.parametrize(("method", "path", "query", "more", "body", "signature"), SUITE)
def test_the_published_examples(
    method: str, path: bytes, query: bytes, more: Headers, body: bytes, signature: str
) -> None:
    sent = [(b"host", b"example.amazonaws.com"), *more, (b"x-amz-date", STAMP)]
    names = b";".join(sorted({name for name, _ in sent})).decode()
    scope = "AKIDEXAMPLE/20150830/us-east-1/service/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}"
    received = Received(method, path, query, [*sent, (b"authorization", authorization.encode())])
    verify(received, body, verifier=sigv4.Verifier((b"service",)))
    with pytest.raises(Refusal, match="does not match"):
        verify(received, body + b" ", verifier=sigv4.Verifier((b"service",)))


def test_the_worked_example_of_the_user_guide() -> None:
    authorization = (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )
    sent = [
        (b"host", b"iam.amazonaws.com"),
        (b"content-type", b"application/x-www-form-urlencoded; charset=utf-8"),
        (b"x-amz-date", STAMP),
        (b"authorization", authorization.encode()),
    ]
    received = Received("GET", b"/", b"Action=ListUsers&Version=2010-05-08", sent)
    verify(received, b"", verifier=sigv4.Verifier((b"iam",)))


unreserved = st.text("abzAZ09-._~", max_size=8)
anything = st.text(max_size=8).map(lambda text: quote(text.encode("utf-8", "ignore"), safe="-_.~"))
segments = st.lists(anything | unreserved | st.sampled_from(["", ".", "..", "%2F", "%25"]), max_size=4)
odd = st.text("aZ09%~+!*'():@/?;,[]$-._=", max_size=10)
queries = st.lists(st.tuples(odd, odd | anything), max_size=5).map(
    lambda pairs: "&".join(f"{name.replace('=', '')}={value}" for name, value in pairs)
)
visible = st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=["C", "Z"])
values = st.lists(st.text(visible, min_size=1, max_size=6), min_size=1, max_size=3).map("  ".join)
headers = st.dictionaries(st.sampled_from(["x-amz-target", "accept", "x-amz-meta", "via", "x-a"]), values, max_size=4)
methods = st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD"])


def by_botocore(
    signer: type, method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> tuple[Received, int]:
    """What botocore would send, and when."""
    url = f"http://127.0.0.1:8420{path}{'?' + query if query else ''}"
    request = AWSRequest(method, url, dict(headers), body)
    signer(Credentials(KEY, SECRET), "personalize", "eu-west-3").add_auth(request)
    parts = urlsplit(request.url)
    sent = [(b"host", b"127.0.0.1:8420")]
    sent += [(name.lower().encode(), str(value).encode()) for name, value in request.headers.items()]
    moment = datetime.strptime(request.context["timestamp"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    now = int(moment.timestamp()) * SECOND
    return Received(method, parts.path.encode(), parts.query.encode(), sent), now


@settings(deadline=None, max_examples=300)
@given(methods, segments, queries, headers, st.binary(max_size=40))
def test_what_botocore_signs_is_verified(method, path, query, headers, body) -> None:
    received, now = by_botocore(SigV4Auth, method, "/" + "/".join(path), query, headers, body)
    signature = verify(received, body, now=now)
    assert (signature.key, signature.region) == (KEY, b"eu-west-3")


@settings(deadline=None, max_examples=200)
@given(methods, segments, st.dictionaries(unreserved.filter(bool), unreserved.filter(bool), max_size=3), headers)
def test_what_botocore_presigns_is_verified(method, path, query, headers) -> None:
    text = "&".join(f"{name}={value}" for name, value in query.items())
    received, now = by_botocore(SigV4QueryAuth, method, "/" + "/".join(path), text, headers, b"")
    verify(received, b"", now=now + 3600 * SECOND)
    with pytest.raises(Refusal, match=r"Signature expired: .* \(.* - 3600 sec.\)"):
        verify(received, b"", now=now + 3601 * SECOND)
    with pytest.raises(Refusal, match="not yet current"):
        verify(received, b"", now=now - 901 * SECOND)
    with pytest.raises(Refusal, match="does not match"):
        verify(received, b"x", now=now)


words = st.text("abcxyz", min_size=1, max_size=6)
PARTS = ("method", "path", "query", "body", "authorization", "host", "x-amz-date", "x-amz-target", "content-type")


@settings(deadline=None, max_examples=400)
@given(st.sampled_from([SigV4Auth, SigV4QueryAuth]), st.sampled_from(PARTS), st.data())
def test_one_bit_changed_anywhere_is_refused(signer, part, data) -> None:
    query = "&".join(f"{name}={value}" for name, value in data.draw(st.dictionaries(words, words, max_size=2)).items())
    told = {"x-amz-target": "AmazonPersonalize.ListSchemas", "content-type": "application/x-amz-json-1.1"}
    body = data.draw(st.binary(min_size=1, max_size=20)) if signer is SigV4Auth else b""
    received, now = by_botocore(signer, "POST", f"/{data.draw(words)}", query, told, body)
    verify(received, body, now=now)
    sent = {name.decode(): value for name, value in received.headers}
    where = {"method": b"POST", "path": received.path, "query": received.query, "body": body, **sent}
    original = where.get(part, b"")
    assume(original)
    place = data.draw(st.integers(0, len(original) * 8 - 1))
    flipped = bytearray(original)
    flipped[place // 8] ^= 1 << place % 8
    where[part] = bytes(flipped)
    assume(part != "method" or flipped.isascii())
    wrong = Received(
        where["method"].decode(),
        where["path"],
        where["query"],
        [(name.encode(), where[name]) for name in sent],
    )
    with pytest.raises(Refusal) as caught:
        verify(wrong, where["body"], now=now)
    assert caught.value.status == 403
    with pytest.raises(Refusal):
        verify(received, body, SECRET[:-1] + "Z", sigv4.Verifier(), now)


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=120), st.binary(max_size=120))
def test_any_bytes_are_refused(authorization: bytes, query: bytes) -> None:
    for given_bytes in (authorization, b"AWS4-HMAC-SHA256 Credential=" + authorization):
        received = Received("POST", b"/", query, [(b"authorization", given_bytes)])
        with pytest.raises(Refusal):
            verify(received, b"")
    with pytest.raises(Refusal):
        verify(Received("POST", b"/", b"X-Amz-Algorithm=AWS4-HMAC-SHA256&" + query, []), b"")


@pytest.mark.parametrize(
    ("minutes", "seconds", "said"),
    [
        (15, 0, None),
        (-15, 0, None),
        (
            15,
            1,
            "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)",
        ),
        (
            -15,
            -1,
            "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z "
            "(20150830T122059Z + 15 min.)",
        ),
    ],
)
def test_a_signature_is_good_for_fifteen_minutes(minutes: int, seconds: int, said: str | None) -> None:
    now = NOON + (minutes * 60 + seconds) * SECOND
    if said is None:
        verify(signed(), b"{}", now=now)
        return
    with pytest.raises(Refusal) as caught:
        verify(signed(), b"{}", now=now)
    assert (caught.value.kind, caught.value.message) == ("InvalidSignatureException", said)


@pytest.mark.parametrize(
    ("old", "new", "kind", "said"),
    [
        (b"AWS4-HMAC-SHA256", b"AWS4-ECDSA-P256-SHA256", "IncompleteSignature", "Unsupported AWS 'algorithm'"),
        (b"AWS4-HMAC-SHA256", b"AWS4-HMAC-SHA1", "IncompleteSignature", "AWS4-HMAC-SHA1"),
        (b"Credential=", b"Cred=", "IncompleteSignature", "requires 'Credential' parameter"),
        (b", Signature=", b", Sig=", "IncompleteSignature", "requires 'Signature' parameter"),
        (b"SignedHeaders=", b"SignedHeaders=;", "InvalidSignature", "The signed header '' did not arrive"),
        (b", Signature=", b", Signature=0, Signature=", "IncompleteSignature", "4 parameters"),
        (b"/aws4_request", b"/aws4_request/x", "IncompleteSignature", "exactly 5"),
        (
            b"/aws4_request",
            b"/aws5_request",
            "InvalidSignature",
            "valid terminator: 'aws4_request', not 'aws5_request'",
        ),
        (b"/personalize/", b"/s3/", "InvalidSignature", "correct service: 'personalize'"),
        (b"/us-east-1/", b"/nowhere/", "InvalidSignature", "valid region, not 'nowhere'"),
        (b"/20150830/", b"/20150831/", "InvalidSignature", "'20150831' != '20150830', from '20150830T123600Z'"),
        (b"host;", b"", "InvalidSignature", "'Host' or ':authority' must be a 'SignedHeader'"),
        (b";x-amz-date", b"", "InvalidSignature", "'x-amz-date' must be a 'SignedHeader'"),
        (b";x-amz-date", b";x-amz-date;x-gone", "InvalidSignature", "'x-gone' did not arrive"),
        (b"content-type;host", b"host;content-type", "IncompleteSignature", "sorted"),
        (b"content-type;", b"", "InvalidSignature", "does not match the signature you provided"),
    ],
)
def test_credentials_that_do_not_fit_say_why(old: bytes, new: bytes, kind: str, said: str) -> None:
    with pytest.raises(Refusal) as caught:
        verify(reworded(signed(), old, new), b"{}")
    assert caught.value.kind == f"{kind}Exception" and caught.value.status == 403
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        (b"x-amz-date", b"20150830T1236Z", "basic format"),
        (b"x-amz-date", b"20151330T123600Z", "!="),
        (b"x-amz-date", b"2015083aT123600Z", "!="),
        (b"x-amz-date", b"20150830T126000Z", "basic format"),
        (b"x-amz-date", b"20150830T12 600Z", "basic format"),
        (b"x-amz-date", None, "'X-Amz-Date' or a 'Date' header"),
        (b"x-amz-target", b"AmazonPersonalize.DeleteSchema", "'x-amz-target' must be a 'SignedHeader'"),
        (b"x-amz-security-token", b"x", "must be a 'SignedHeader'"),
    ],
)
def test_headers_that_do_not_fit_say_why(name: bytes, value: bytes | None, said: str) -> None:
    with pytest.raises(Refusal) as caught:
        verify(changed(signed(), name, value), b"{}")
    assert said in caught.value.message


@pytest.mark.parametrize("told", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "0" * 64])
def test_only_the_bodys_own_hash_is_taken(told: str) -> None:
    verify(signed(x_amz_content_sha256=sha256(b"{}").hexdigest()), b"{}")
    with pytest.raises(Refusal, match="x-amz-content-sha256"):
        verify(signed(x_amz_content_sha256=told), b"{}")


def test_session_tokens_are_refused_with_a_way_out() -> None:
    with pytest.raises(Refusal, match="unset AWS_SESSION_TOKEN") as caught:
        verify(signed(x_amz_security_token="x"), b"{}")
    assert caught.value.kind == "UnrecognizedClientException"


def test_a_date_header_does_where_there_is_no_other() -> None:
    request = AWSRequest("POST", "http://127.0.0.1:8420/", {"Date": "any"}, b"{}")
    SigV4Auth(Credentials(KEY, SECRET), "personalize", "us-east-1").add_auth(request)
    sent = [(name.lower().encode(), str(value).encode()) for name, value in request.headers.items()]
    now = int(datetime.now(UTC).timestamp()) * SECOND
    verify(Received("POST", b"/", b"", [(b"host", b"127.0.0.1:8420"), *sent]), b"{}", now=now)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"X-Amz-Expires=3600", b"X-Amz-Expires=0", "X-Amz-Expires"),
        (b"X-Amz-Expires=3600", b"X-Amz-Expires=604801", "X-Amz-Expires"),
        (b"X-Amz-Expires=3600", b"X-Amz-Expires=3600&X-Amz-Expires=3600", "twice"),
        (b"X-Amz-Expires=3600", b"", "must include 'X-Amz-Expires'"),
        (b"X-Amz-Expires=3600", b"X-Amz-Expires=3600&X-Amz-Security-Token=x", "unset AWS_SESSION_TOKEN"),
        (b"X-Amz-Expires=3600", b"X-Amz-Expires=3600&X-Amz-Content-Sha256=x", "no parameter here"),
        (b"AWS4-HMAC-SHA256", b"AWS4-ECDSA-P256-SHA256", "Unsupported AWS 'algorithm'"),
        (b"X-Amz-SignedHeaders=host", b"X-Amz-SignedHeaders=via", "'Host'"),
    ],
)
def test_queries_that_do_not_fit_say_why(old: bytes, new: bytes, said: str) -> None:
    received, now = by_botocore(SigV4QueryAuth, "GET", "/", "", {}, b"")
    assert old in received.query
    with pytest.raises(Refusal) as caught:
        verify(replace(received, query=received.query.replace(old, new)), b"", now=now)
    assert said in caught.value.message


def test_a_server_may_have_a_region_that_aws_has_not() -> None:
    verify(signed(region="my-shop"), b"{}", verifier=sigv4.Verifier(region="my-shop"))
    for region in ("my-shop", "us-east-1x", "us--1", "a" * 30 + "-b-1", "US-EAST-1", "é-b-1"):
        with pytest.raises(Refusal):
            verify(reworded(signed(), b"us-east-1", region.encode()), b"{}")


def test_derived_keys_are_kept_for_the_right_secret_only_and_not_without_end() -> None:
    verifier = sigv4.Verifier()
    with pytest.raises(Refusal):
        verify(signed(), b"{}", "another secret", verifier)
    assert not verifier._derived
    verify(signed(), b"{}", verifier=verifier)
    for number in range(sigv4.KEYS_KEPT + 5):
        region = f"{chr(97 + number // 676 % 26)}{chr(97 + number // 26 % 26)}-{chr(97 + number % 26)}-1"
        verify(signed(region=region), b"{}", verifier=verifier)
    assert len(verifier._derived) == sigv4.KEYS_KEPT
    verify(signed(), b"{}", verifier=verifier)
