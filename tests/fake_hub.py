"""A loopback server that answers as the Hugging Face Hub does, and serves plain files."""

import contextlib
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class FakeHub:
    """What the server holds, what is wrong with it, and what it was asked for.

    Attributes:
        files: Bytes by the name of the file, for `hf:owner/name` and for `/files/<name>`.
        revisions: The revisions of the repository.
        status: Answered, if not 200, to all that is asked of the repository.
        status_of_files: Answered, if not 200, to what is asked of a file.
        damaged: Whether files arrive with another last byte.
        cut: Whether files arrive without their second half.
        sized: Whether answers state the length of a file.
        redirect: An address to which `/files/` and `/loop/` send on.
        asked: Names of the files that were sent.
    """

    def __init__(self, address):
        self.address = address
        self.files, self.asked = {}, []
        self.revisions = {"main", COMMIT}
        self.status = self.status_of_files = 200
        self.damaged = self.cut = False
        self.sized = True
        self.redirect = None


class Handler(BaseHTTPRequestHandler):
    def do_HEAD(self):
        self.answer(with_body=False)

    def do_GET(self):
        self.answer(with_body=True)

    def answer(self, with_body):
        hub = self.server.hub
        place = self.path.partition("?")[0].lstrip("/")
        if place.startswith(("files/", "loop/")):
            if hub.redirect:
                self.reply(302, {"Location": hub.redirect})
            else:
                self.send(place.removeprefix("files/"), with_body)
        elif hub.status != 200:
            code = {404: "RepoNotFound", 403: "GatedRepo"}.get(hub.status)
            self.reply(hub.status, {"X-Error-Code": code} if code else {})
        elif place.startswith("api/models/owner/name"):
            self.list(place.removeprefix("api/models/owner/name").removeprefix("/revision/"))
        elif place.startswith("owner/name/resolve/"):
            revision, _, name = place.removeprefix("owner/name/resolve/").partition("/")
            self.send(name, with_body, revision)
        else:
            self.reply(404, {"X-Error-Code": "RepoNotFound"})

    def list(self, revision):
        hub = self.server.hub
        if (revision or "main").replace("%2F", "/") not in hub.revisions:
            return self.reply(404, {"X-Error-Code": "RevisionNotFound"})
        files = [
            {
                "rfilename": name,
                "size": len(data),
                "blobId": hashlib.sha1(data).hexdigest(),
                "lfs": {"sha256": digest(data), "size": len(data), "pointerSize": 130},
            }
            for name, data in hub.files.items()
        ]
        answer = {"id": "owner/name", "sha": COMMIT, "siblings": files}
        self.reply(200, {"Content-Type": "application/json"}, json.dumps(answer).encode())

    def send(self, name, with_body, revision=None):
        hub = self.server.hub
        if hub.status_of_files != 200:
            return self.reply(hub.status_of_files, {})
        if name not in hub.files:
            return self.reply(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
        data = hub.files[name]
        headers = {"ETag": f'"{digest(data)}"'} | ({"X-Repo-Commit": COMMIT} if revision else {})
        if hub.sized:
            headers["Content-Length"] = str(len(data))
        if hub.damaged:
            data = data[:-1] + bytes([data[-1] ^ 1])
        if hub.cut:  # and nothing more to whoever wants to go on from there
            data = b"" if self.headers["Range"] else data[: len(data) // 2]
        if with_body:
            hub.asked.append(name)
        self.reply(200, headers, data if with_body else b"")

    def reply(self, status, headers, body=b""):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(OSError):  # whoever asked may have gone
            self.wfile.write(body)

    def log_message(self, *args):
        pass


def digest(data):
    return hashlib.sha256(data).hexdigest()


@contextlib.contextmanager
def fake_hub():
    """Serves from a thread; yields a `FakeHub`."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.hub = FakeHub(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.hub
        finally:
            server.shutdown()
            thread.join()
