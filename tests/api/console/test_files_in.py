"""Files come in through the console: sent in pieces, looked at, tried, imported as a job, what was refused as CSV."""

from __future__ import annotations

import csv
import gzip
import http.client
import io
from urllib.parse import urlsplit

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shop_of_files import SHOP, console_of

FAULTY = (
    "cust,sku,when,qty\n"
    "u1,i1,1760000000,1\n"
    "u2,,1760000001,2\n"
    "u3,i3,yesterday,1\n"
    "=2+3,i4,1760000003,x\n"
    "u5,i5,1760000004,-1\n"
)
MAPPED = {"user_id": "cust", "item_id": "sku", "timestamp": "when", "quantity": "qty"}


@pytest.fixture(scope="module")
def console(tmp_path_factory):
    with console_of(tmp_path_factory.mktemp("files")) as found:
        yield found


class TestSending:
    def test_a_file_that_comes_in_pieces_is_kept_whole_under_its_name(self, console):
        pieces = (b"a" * 70_000 for _ in range(40))
        sent = console.send("../../etc/pass wd\x00.csv", pieces).json()
        assert sent["size"] == 40 * 70_000
        assert "/" not in sent["name"] and sent["name"].endswith(".csv")
        assert sent["id"] in [each["id"] for each in console.get("uploads")["uploads"]]
        assert console.http.delete(f"/console/api/uploads/{sent['id']}", params={"shop": SHOP}).status_code == 200
        assert sent["id"] not in [each["id"] for each in console.get("uploads")["uploads"]]

    def test_an_empty_one_is_refused_and_nothing_stays(self, console):
        before = console.get("uploads")["uploads"]
        assert console.send("nothing.csv", b"").status_code == 400
        assert console.get("uploads")["uploads"] == before

    def test_what_says_to_be_too_long_is_refused_before_it_is_read(self, console):
        asked = http.client.HTTPConnection(urlsplit(console.server.address).netloc, timeout=10)
        asked.putrequest("POST", f"/console/api/uploads?shop={SHOP}&name=x.csv")
        told = {**console.server.headers, "content-type": "application/octet-stream", "content-length": str(5 << 30)}
        for name, value in told.items():
            asked.putheader(name, value)
        asked.endheaders()
        assert asked.getresponse().status == 413
        asked.close()

    def test_nobody_without_a_key_and_no_json_body(self, console):
        url = f"{console.server.address}/console/api/uploads?shop={SHOP}&name=x.csv"
        headers = {"content-type": "text/csv"}
        assert httpx.post(url, content=b"a,b\n1,2\n", headers=headers, trust_env=False).status_code == 403
        assert console.http.post(url, content=b"x", headers={"content-type": "image/png"}).status_code == 415


class TestLooking:
    def test_columns_that_nothing_is_known_of_are_asked_for(self, console):
        sent = console.send("faulty.csv", FAULTY.encode()).json()
        found = console.post("imports/preview", uploads=[sent["id"]])
        assert "missing" in found["problem"]
        assert found["files"][0]["columns"] == ["cust", "sku", "when", "qty"]
        assert found["files"][0]["sample"][0] == ["u1", "i1", "1760000000", "1"]
        assert {"name": "item_id", "type": "string", "required": True} in found["choices"]["interactions"]

    def test_the_first_rows_are_shown_as_they_would_be_read_with_what_is_wrong(self, console):
        sent = console.send("faulty.csv", FAULTY.encode()).json()
        found = console.post("imports/preview", uploads=[sent["id"]], mapping=MAPPED)
        assert found["problem"] == ""
        read, fields = found["files"][0]["read"], [each["field"] for each in found["files"][0]["fields"]]
        assert dict(zip(fields, read[0], strict=True))["timestamp"].startswith("2025-10-09 08:53:20")
        assert found["files"][0]["reasons"][:3] == [
            "", "ITEM_ID is empty", "TIMESTAMP is not a time in seconds between 1900 and 2100",
        ]  # fmt: skip

    def test_every_format_is_read(self, console):
        table = pa.table({"user_id": ["a", "b"], "item_id": ["x", "y"], "timestamp": [1_760_000_000, 1_760_000_001]})
        written = io.BytesIO()
        pq.write_table(table, written)
        files = {
            "o.csv.gz": gzip.compress(b"user_id,item_id,timestamp\na,x,1760000000\n"),
            "o.tsv": b"user_id\titem_id\ttimestamp\na\tx\t1760000000\n",
            "o.jsonl": b'{"user_id": "a", "item_id": "x", "timestamp": 1760000000}\n',
            "o.parquet": written.getvalue(),
            "download": written.getvalue(),
        }
        sent = [console.send(name, content).json()["id"] for name, content in files.items()]
        found = console.post("imports/preview", uploads=sent)
        assert found["problem"] == ""
        shown = {each["file"]: (each["format"], each["sample"][0][:2]) for each in found["files"]}
        assert shown == {
            "o.csv.gz": ("csv.gz", ["a", "x"]),
            "o.tsv": ("csv", ["a", "x"]),
            "o.jsonl": ("json", ["a", "x"]),
            "o.parquet": ("parquet", ["a", "x"]),
            "download.parquet": ("parquet", ["a", "x"]),
        }


class TestImporting:
    def test_tried_it_counts_and_writes_nothing_then_it_is_done_and_remembered(self, console):
        before = console.get("data")["tables"]
        sent = console.send("faulty.csv", FAULTY.encode()).json()
        asked = {"uploads": [sent["id"]], "mapping": MAPPED, "mode": "INCREMENTAL"}
        tried = console.ended("imports", console.post("imports", **asked, dryRun=True)["id"])
        counts = {each["kind"]: (each["accepted"], each["rejected"]) for each in tried["kinds"]}
        assert (tried["status"], counts) == ("done", {"interactions": (2, 3)})
        assert tried["reasons"][0]["examples"][0]["file"] == "faulty.csv"
        assert console.get("data")["tables"] == before

        done = console.ended("imports", console.post("imports", **asked)["id"])
        assert (done["status"], done["kinds"][0]["accepted"]) == ("done", 2)
        now = {each["kind"]: each["rows"] for each in console.get("data")["tables"]}
        assert now["interactions"] == next(each["rows"] for each in before if each["kind"] == "interactions") + 2

        refused = console.http.get(f"/console/api/imports/{done['id']}/rejects", params={"shop": SHOP})
        rows = list(csv.DictReader(io.StringIO(refused.text)))
        assert refused.headers["content-type"].startswith("text/csv")
        assert [row["_row"] for row in rows] == ["2", "3", "4"]
        assert rows[2]["cust"] == "'=2+3"  # no formula in anybody's spreadsheet

        again = console.send("the next week.csv", FAULTY.replace("17600", "17601").encode()).json()
        found = console.post("imports/preview", uploads=[again["id"]])
        assert (found["problem"], found["remembered"], found["mapping"]) == ("", True, MAPPED)

    def test_one_that_cannot_be_done_says_why_and_the_tables_stay(self, console):
        before = console.get("data")["tables"]
        sent = console.send("hopeless.csv", b"user_id,item_id,timestamp\na,x,never\n").json()
        done = console.ended("imports", console.post("imports", uploads=[sent["id"]], mapping={})["id"])
        assert done["status"] == "failed"
        assert "'never' is none of the known forms" in done["reason"]
        assert console.get("data")["tables"] == before

    def test_what_is_not_there_is_told(self, console):
        assert "upload" in console.post("imports", 404, uploads=["0" * 16])["message"]
        assert "dialect" in console.post("imports", 404, uploads=["0" * 16], dialect="/etc/passwd.toml")["message"]
        assert console.post("imports", 400, uploads=[])
        assert console.http.get("/console/api/imports/nothing/rejects", params={"shop": SHOP}).status_code == 404


class TestHostileFiles:
    @settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        content=st.one_of(
            st.binary(min_size=1, max_size=400),
            st.sampled_from(
                [b"PAR1" + b"\0" * 40, b"PK\x03\x04" + b"x" * 60, b"\x1f\x8b" + b"\0" * 30, b"\xff\xfea\0"]
            ),
            st.text(max_size=200).map(lambda text: ("user_id,item_id,timestamp\n" + text).encode("utf-8", "replace")),
        ),
        name=st.sampled_from(["a.csv", "a.parquet", "a.xlsx", "a.jsonl", "a.csv.gz", "a", "'; --.csv"]),
    )
    def test_whatever_is_sent_is_answered_and_never_breaks_the_server(self, console, content, name):
        sent = console.send(name, content)
        assert sent.status_code == 200, sent.text
        identity = sent.json()["id"]
        found = console.http.post("/console/api/imports/preview", json={"shop": SHOP, "uploads": [identity]})
        assert found.status_code in (200, 400), found.text
        console.http.delete(f"/console/api/uploads/{identity}", params={"shop": SHOP})
