"""An object store for tests: moto's S3 in a process of its own, on a free port, with one bucket.

A key named `NOLIST` may not list the bucket. As S3 documents it, such a key is told 403 of objects that are not there,
and of listing. Prints the address, then runs until its standard input ends.
"""

import os
import sys
import threading

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

BUCKET = "glae"
DENIED = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
)


def refusing(application):
    """The application, in which the key NOLIST may not list."""

    def answer(environ, start_response):
        request = Request(environ)
        if "Credential=NOLIST/" not in request.headers.get("Authorization", ""):
            return application(environ, start_response)
        denied = Response(DENIED, status=403, content_type="application/xml")
        if request.path.rstrip("/") == f"/{BUCKET}":
            return denied(environ, start_response)
        given = Response.from_app(application, environ)
        missing = given.status_code == 404 and request.method in ("GET", "HEAD")
        return (denied if missing else given)(environ, start_response)

    return answer


class Quiet:
    """Requests are not logged."""

    def write(self, _text):
        pass

    def flush(self):
        pass


moto = DomainDispatcherApplication(create_backend_app)
made = Response.from_app(moto, Request.from_values(f"/{BUCKET}", method="PUT").environ)
assert made.status_code == 200, made.get_data()
server = make_server("127.0.0.1", 0, refusing(moto), threaded=True)
print(f"http://127.0.0.1:{server.port}", flush=True)
sys.stderr = Quiet()
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
os._exit(0)
