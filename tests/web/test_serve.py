"""The studio's server: this machine alone, and nothing from elsewhere."""

import pytest
from starlette.testclient import TestClient

from catalog_gen.web.serve import application

OWN = "http://127.0.0.1:8501"


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(application(8501), base_url=OWN)


@pytest.mark.parametrize("path", ["/", "/review", "/_stcore/health", "/_stcore/upload_file/a/b"])
def test_other_sites_reach_no_route(client: TestClient, path: str) -> None:
    assert client.get(path).status_code != 403
    image = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    for headers in ({"host": "evil.example:8501"}, {"origin": "http://evil.example"}, image):
        for method in ("GET", "PUT", "POST"):
            assert client.request(method, path, headers=headers).status_code == 403


def test_the_browser_is_told_to_ask_nobody_else(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "http" not in policy.replace("'self'", "")
