"""Requests to checked addresses: what is refused, what is followed, and that nothing outlasts its deadline."""

import io
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from app.infra import addresses, fetch
from app.infra.addresses import Failure
from app.settings import Settings
from tests.fetching import failure, get, stopped_after
from tests.servers import closed_port, silent_server, web_server

# --- inner addresses


LOOPBACK = [
    "127.0.0.1", "127.1", "127.255.255.254", "0x7f000001", "0x7f.1", "2130706433", "017700000001", "0177.0.0.1",
    "0.0.0.0", "0", "localhost", "LOCALHOST", "localhost.", "127.0.0.1.", "[::1]", "[0:0:0:0:0:0:0:1]", "[::]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "１２７.0.0.1", "①②⑦.0.0.1", "127。0。0。1",
]  # fmt: skip


@pytest.mark.parametrize("host", LOOPBACK)
def test_no_spelling_of_this_machine_gets_through(host, server, configure):
    configure()
    before = server.connections
    problem = failure(f"http://{host}:{server.port}/")
    assert problem.reason == "inner_address"
    assert problem.is_permanent
    assert server.connections == before


def test_the_refusal_names_the_setting(configure, server):
    configure()
    assert (
        failure(f"http://127.0.0.1:{server.port}/").message
        == "127.0.0.1 is an inner address. An administrator can allow it with CARILLON_ALLOW_HOSTS."
    )


def test_a_name_that_changes_its_mind_never_leads_elsewhere(configure, monkeypatch, tmp_path):
    """The rebinding attack: the first look-up passes the check, the next one leads inside."""
    monkeypatch.setattr(addresses, "KEEP_SECONDS", 0)
    with web_server("127.0.0.2") as good:
        evil = web_server_on("127.0.0.3", good.port)
        answers = iter(["127.0.0.2", "127.0.0.3", "127.0.0.2", "127.0.0.3"])
        settings = Settings(data_dir=tmp_path, allow_hosts=("127.0.0.2",))
        fetch.configure(settings, lambda _: [next(answers)])
        assert get(f"http://x.example:{good.port}/once").body == b"once"
        assert failure(f"http://x.example:{good.port}/once").reason == "inner_address"
        assert get(f"http://x.example:{good.port}/once").body == b"once"
        evil.close()
        assert len(good.requests) == 2


def web_server_on(host, port):
    """Whoever connects here was led astray; that the port is open makes it count."""
    return socket.create_server((host, port))


def test_a_redirect_inside_is_refused(server, configure):
    configure("outer.example", outer_example=["127.0.0.1"])
    inside = f"http://127.0.0.1:{server.port}/echo"
    before = len(server.requests)
    problem = failure(f"http://outer.example:{server.port}/redirect/302?to={inside}")
    assert problem.reason == "inner_address"
    assert len(server.requests) == before + 1


def test_nothing_is_taken_from_the_environment(server, configure, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    assert get(server.url + "/status/204").status == 204


# --- redirects


def test_redirects_are_followed_and_told(server, configure):
    answer = get(f"{server.url}/redirect/302?to=/redirect/301?to=/echo")
    assert answer.status == 200
    assert answer.url == server.url + "/echo"
    assert len(answer.hops) == 2


def test_a_redirect_to_nowhere_is_the_answer(server, configure):
    assert get(f"{server.url}/redirect/302").status == 302


def test_a_circle_of_redirects_ends(configure):
    with web_server() as server:
        to = "/redirect/302"
        for _ in range(8):
            to = "/redirect/302?to=" + to.replace("%", "%25").replace("?", "%3F").replace("=", "%3D")
        problem = failure(server.url + to)
        assert (problem.reason, problem.is_permanent) == ("redirects", True)
        assert len(server.requests) == 6


@pytest.mark.parametrize("to", ["ftp://x/", "file:///etc/passwd", "http://u:p@localhost/", "http://[/"])
def test_a_redirect_to_what_is_no_web_address_is_told(server, configure, to):
    assert failure(f"{server.url}/redirect/302?to={to}").reason == "redirects"


def test_a_host_that_falls_silent_is_given_up_before_the_deadline(server, configure):
    assert failure(f"{server.url}/delay/2", silence_seconds=0.1).message.endswith(" sent nothing for 0.1 s.")


def test_a_good_answer_is_written_where_it_is_wanted(server, configure):
    kept = io.BytesIO()
    answer = get(f"{server.url}/big/5000", into=kept, most_bytes=3000)
    assert (len(kept.getvalue()), answer.body, answer.is_cut) == (3000, b"", True)
    answer = get(f"{server.url}/status/404", into=kept)
    assert (len(kept.getvalue()), answer.is_cut) == (3000, False)


def test_a_redirect_that_is_not_wanted_is_the_answer(server, configure):
    assert get(f"{server.url}/redirect/302?to=/echo", redirects=0).status == 302


SECRETS = {"Authorization": "Bearer b", "Cookie": "c=1", "X-API-Key": "k", "Accept": "text/plain"}


def headers_after(url):
    return json.loads(get(url, headers=SECRETS).body)["headers"]


def test_secrets_stay_with_the_origin_they_were_meant_for(server, configure):
    same = headers_after(f"{server.url}/redirect/307?to=/echo")
    assert (same["authorization"], same["cookie"], same["x-api-key"]) == ("Bearer b", "c=1", "k")
    other_port_name = f"http://localhost:{server.port}/echo"
    other = headers_after(f"{server.url}/redirect/307?to={other_port_name}")
    assert other["accept"] == "text/plain"
    assert not {"authorization", "cookie", "x-api-key"} & set(other)


@pytest.mark.parametrize(
    ("status", "method", "after", "body"),
    [
        (301, "POST", "GET", ""), (302, "POST", "GET", ""), (303, "PUT", "GET", ""), (302, "PUT", "PUT", "b"),
        (307, "POST", "POST", "b"), (308, "POST", "POST", "b"), (303, "DELETE", "GET", ""),
    ],
)  # fmt: skip
def test_the_method_after_a_redirect(server, configure, status, method, after, body):
    request = fetch.Request(method, f"{server.url}/redirect/{status}?to=/echo", body=b"b")
    seen = json.loads(fetch.Call(request).answer().body)
    assert (seen["method"], seen["body"]) == (after, body)


# --- caps and deadlines


def test_a_long_answer_is_cut_and_counted(server, configure):
    answer = get(f"{server.url}/big/500000", keep_bytes=1000)
    assert (len(answer.body), answer.size, answer.is_cut) == (1000, 500_000, True)


def test_reading_stops_at_the_cap(server, configure):
    answer = get(f"{server.url}/big/30000000")
    assert fetch.READ_BYTES < answer.size < fetch.READ_BYTES + 100_000
    assert answer.is_cut


def test_a_packed_bomb_is_unpacked_no_further_than_the_cap(server, configure):
    answer = get(f"{server.url}/gzip/30000000", keep_bytes=10)
    assert answer.size < fetch.READ_BYTES + 100_000
    assert answer.body == b"x" * 10


def test_packed_answers_are_unpacked(server, configure):
    assert get(f"{server.url}/gzip/5000").body == b"x" * 5000


@pytest.mark.parametrize("path", ["/delay/9", "/drip/0.05", "/drip-head/0.05", "/redirect/302?to=/drip/0.05"])
def test_the_deadline_holds_however_slowly_the_server_speaks(server, configure, path):
    started = time.monotonic()
    problem = failure(server.url + path, timeout_seconds=0.3)
    assert 0.29 < time.monotonic() - started < 2
    assert (problem.reason, problem.is_permanent) == ("timeout", False)
    assert problem.message == f"127.0.0.1:{server.port} did not answer within 0.3 s."


def test_the_deadline_holds_while_sending(configure):
    with silent_server() as (port, _):
        request = fetch.Request("POST", f"http://127.0.0.1:{port}/", body=b"x" * 50_000_000, timeout_seconds=0.3)
        started = time.monotonic()
        with pytest.raises(Failure, match="did not answer within"):
            fetch.Call(request).answer()
        assert time.monotonic() - started < 2


def test_a_name_server_that_hangs_holds_nobody_past_the_deadline(configure, tmp_path):
    release, asked = threading.Event(), []

    def look_up(host):
        asked.append(host)
        release.wait(5)
        return ["8.8.8.8"]

    fetch.configure(Settings(data_dir=tmp_path), look_up)
    started = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        problems = list(pool.map(lambda _: failure("http://slow.example/", timeout_seconds=0.2), range(8)))
    assert time.monotonic() - started < 2
    assert {problem.message for problem in problems} == {"The name slow.example could not be looked up in time."}
    assert len(asked) == 1
    release.set()


# --- stopping


@pytest.mark.parametrize("path", ["/delay/9", "/drip/0.02", "/drip-head/0.02"])
def test_a_request_stops_at_once(server, configure, path):
    assert stopped_after(server.url + path) < 1.5


def test_stopping_closes_the_connection(configure):
    with silent_server() as (port, accepted):
        assert stopped_after(f"http://127.0.0.1:{port}/") < 1.5
        accepted[0].settimeout(2)
        while accepted[0].recv(1000):
            pass


def test_a_request_stops_in_the_middle_of_a_tls_handshake(configure):
    with silent_server() as (port, _):
        assert stopped_after(f"https://localhost:{port}/") < 1.5


def test_a_request_stops_while_its_name_is_looked_up(configure, tmp_path):
    release = threading.Event()
    fetch.configure(Settings(data_dir=tmp_path), lambda _: release.wait(5) and [])
    assert stopped_after("http://slow.example/") < 1.5
    release.set()


def test_a_request_stopped_before_it_began_asks_nothing(server, configure):
    before = len(server.requests)
    call = fetch.Call(fetch.Request("GET", server.url + "/"))
    call.stop()
    with pytest.raises(fetch.Stopped):
        call.answer()
    assert len(server.requests) == before


def test_stopping_late_does_no_harm(server, configure):
    call = fetch.Call(fetch.Request("GET", server.url + "/"))
    assert call.answer().status == 200
    call.stop()
    call.stop()
    assert get(server.url + "/").status == 200


# --- connections


def test_connections_are_used_again(configure):
    with web_server() as server:
        for _ in range(5):
            get(server.url + "/")
        get(server.url + "/gzip/100")
        assert server.connections == 1


def test_a_request_with_effects_has_a_connection_of_its_own(configure):
    with web_server() as server:
        get(server.url + "/")
        for _ in range(2):
            fetch.Call(fetch.Request("POST", server.url + "/echo", body=b"b")).answer()
        assert server.connections == 3


def test_a_connection_closed_meanwhile_is_replaced(configure):
    with web_server() as server:
        for _ in range(4):
            assert get(server.url + "/once").body == b"once"


def test_a_connection_that_closes_under_a_request_is_replaced(configure):
    with web_server() as server:
        get(server.url + "/")
        assert failure(server.url + "/close").reason == "reset"
        assert [path for _, path, _, _ in server.requests] == ["/", "/close", "/close"]


def test_a_half_read_connection_is_not_used_again(configure):
    with web_server() as server:
        get(f"{server.url}/big/30000000")
        assert get(server.url + "/").body == b"Hello"
        assert server.connections == 2


def test_many_requests_at_once(configure):
    with web_server() as server, ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda number: get(f"{server.url}/text?body={number}").body, range(400)))
        assert answers == [str(number).encode() for number in range(400)]
        assert server.connections <= 128


# --- what goes wrong


@pytest.mark.parametrize(
    ("path", "reason", "words"),
    [
        ("/cut", "reset", "broke off the connection"),
        ("/close", "reset", "broke off the connection"),
        ("/garbage", "protocol", "did not answer in HTTP"),
        ("/bad-gzip", "protocol", "is not packed the way it says"),
    ],
)
def test_a_broken_answer_is_told(server, configure, path, reason, words):
    problem = failure(server.url + path)
    assert problem.reason == reason
    assert words in problem.message
    assert f"127.0.0.1:{server.port}" in problem.message


def test_a_refused_connection_is_told(configure):
    port = closed_port()
    problem = failure(f"http://localhost:{port}/")
    assert problem.message == f"localhost:{port} refused the connection."
    assert not problem.is_permanent


@pytest.mark.parametrize(
    ("code", "words", "is_permanent"),
    [
        (socket.EAI_NONAME, "There is no host named x.example.", True),
        (socket.EAI_AGAIN, "The name x.example could not be looked up: no name server answers.", False),
    ],
)
def test_a_name_that_is_not_found_is_told(tmp_path, configure, code, words, is_permanent):
    def look_up(_):
        raise socket.gaierror(code, "not found")

    fetch.configure(Settings(data_dir=tmp_path), look_up)
    problem = failure("http://x.example/")
    assert (problem.reason, problem.message, problem.is_permanent) == ("dns", words, is_permanent)


def test_text_beyond_ascii_in_headers_arrives(server, configure):
    get(server.url + "/", headers={"X-Name": "Zoë"})
    assert server.requests[-1][2]["X-Name"].encode("latin-1").decode() == "Zoë"


def test_what_a_host_writes_beside_its_status_can_be_shown_and_stored(configure):
    configure("localhost")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 500 a\x00b\x1b\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert get(f"http://127.0.0.1:{listener.getsockname()[1]}/").phrase == "ab"
        thread.join()
