"""Signing in to the console: what is refused, what a change must repeat, and what the pages are sent with."""

from __future__ import annotations

import re

import httpx
import pytest
from shop_server import running

from endcap.api.auth.sessions import COOKIE
from endcap.api.console.session import TRIES, WITHIN, Attempts
from endcap.api.wire import Refusal
from endcap.registry.first_run import first_run_token
from endcap.settings import Settings


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """A folder as `make web` leaves it."""
    folder = tmp_path_factory.mktemp("web")
    (folder / "shop.html").write_text('<meta content="__CSP_NONCE__"><script type="module" src="/web/a.js"></script>')
    (folder / "a.js").write_text("export const a = 1;\n" * 200)
    (folder / "secret.txt").write_text("not for the web")
    return folder


@pytest.fixture(scope="module")
def settings(tmp_path_factory, web):
    return Settings(home=tmp_path_factory.mktemp("home"), port=0, web=str(web))


@pytest.fixture(scope="module")
def server(settings):
    with running(settings) as running_server:
        yield running_server


@pytest.fixture
def client(server):
    with httpx.Client(base_url=server.address) as made:
        yield made


def sign_in(client, settings) -> str:
    """The session's word."""
    answer = client.post("/console/api/session", json={"token": first_run_token(settings)})
    assert answer.status_code == 200, answer.text
    return answer.json()["csrf"]


class TestSession:
    def test_nobody_is_signed_in_at_first_and_the_token_changes_that(self, client, settings):
        assert client.get("/console/api/session").json()["signedIn"] is False
        sign_in(client, settings)
        said = client.get("/console/api/session").json()
        assert said["signedIn"] is True
        assert said["role"] == "admin"

    def test_the_cookie_is_kept_from_scripts_and_other_sites(self, client, settings):
        answer = client.post("/console/api/session", json={"token": first_run_token(settings)})
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie

    def test_a_change_without_the_sessions_word_is_refused(self, client, settings):
        word = sign_in(client, settings)
        refused = client.post("/recommendations", json={"campaignArn": "arn:none", "userId": "u"})
        assert refused.status_code == 403
        assert "x-endcap-csrf" in refused.json()["message"]
        body = {"campaignArn": "arn:none", "userId": "u"}
        assert client.post("/recommendations", json=body, headers={"x-endcap-csrf": word}).status_code != 403

    @pytest.mark.parametrize("change", [lambda c: c[:-1] + "0", lambda c: c.replace(".", "!", 1), lambda c: ""])
    def test_a_forged_cookie_is_nobodys(self, client, settings, change):
        sign_in(client, settings)
        cookie = client.cookies[COOKIE]
        forged = change(cookie) if change(cookie) != cookie else cookie[:-1] + "1"
        with httpx.Client(base_url=client.base_url, cookies={COOKIE: forged}) as other:
            assert other.get("/console/api/session").json()["signedIn"] is False

    def test_tokens_are_not_guessed_for_long(self):
        now = [0.0]
        attempts = Attempts(tick=lambda: now[0])
        for _ in range(TRIES):
            attempts.enter("here")
        with pytest.raises(Refusal, match="Too many"):
            attempts.enter("here")
        attempts.enter("elsewhere")
        now[0] += WITHIN + 1
        attempts.enter("here")

    def test_others_who_come_do_not_make_it_forget_who_guesses(self, monkeypatch):
        monkeypatch.setattr("endcap.api.console.session.ADDRESSES", 3)
        attempts = Attempts(tick=lambda: 0.0)
        for _ in range(TRIES):
            attempts.enter("here")
        for number in range(10):
            attempts.enter(f"elsewhere {number}")
            with pytest.raises(Refusal, match="Too many"):
                attempts.enter("here")


class TestPages:
    def test_a_page_lets_in_nothing_from_elsewhere_and_each_reply_has_its_own_nonce(self, client):
        first, second = (client.get("/shop/any/place") for _ in range(2))
        policy = first.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        nonce = re.search(r"'nonce-([^']+)'", policy).group(1)
        assert f'content="{nonce}"' in first.text
        assert nonce not in second.text

    def test_files_are_kept_for_ever_and_sent_small(self, client):
        answer = client.get("/web/a.js", headers={"accept-encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        assert "immutable" in answer.headers["cache-control"]
        assert answer.text.startswith("export")

    @pytest.mark.parametrize("name", ["secret.txt", "..%2Fsecret.txt", "%2e%2e", "nothing.js", "a.js%00"])
    def test_nothing_else_is_sent(self, client, name):
        assert client.get(f"/web/{name}").status_code == 404

    def test_an_app_that_was_not_built_says_how(self, client):
        answer = client.get("/console")
        assert answer.status_code == 404
        assert "make web" in answer.json()["message"]
