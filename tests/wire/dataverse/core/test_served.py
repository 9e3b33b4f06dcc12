"""Over https, with Microsoft's own library for tokens."""

from __future__ import annotations

import msal
import requests

from simulators.dataverse import build
from simulators.dataverse.entra import IDENTITY_HEADER
from simulators.dataverse.tokens import APPLICATION, SECRET, TENANT
from simulators.frame import Clock, make_authority, serve_all


def test_msal_and_requests_find_their_way(tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    servers = serve_all(build(Clock()), 0, make_authority(tmp_path))
    try:
        org, entra = servers["dataverse"], servers["entra"]
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", org.ca_file)
        session = requests.Session()
        app = msal.ConfidentialClientApplication(
            APPLICATION,
            authority=f"{entra.url}/{TENANT}",
            client_credential=SECRET,
            instance_discovery=False,
            http_client=session,
        )
        token = app.acquire_token_for_client([f"{org.url}/.default"])
        assert "access_token" in token, token
        headers = {"Authorization": f"Bearer {token['access_token']}", "Accept": "application/json"}
        root = f"{org.url}/api/data/v9.2"
        made = session.post(f"{root}/contacts", json={"lastname": "Över"}, headers=headers)
        assert made.status_code == 204
        assert made.headers["OData-EntityId"].startswith(f"{root}/contacts(")
        shown = session.get(made.headers["OData-EntityId"], params={"$select": "lastname"}, headers=headers)
        assert shown.json()["lastname"] == "Över"
        page = session.get(
            f"{root}/systemusers", params={"$select": "fullname"}, headers={**headers, "Prefer": "odata.maxpagesize=1"}
        )
        following = session.get(page.json()["@odata.nextLink"], headers=headers)
        assert following.status_code == 200
        wrong = msal.ConfidentialClientApplication(
            APPLICATION,
            authority=f"{entra.url}/{TENANT}",
            client_credential="no",
            instance_discovery=False,
            http_client=session,
        ).acquire_token_for_client([f"{org.url}/.default"])
        assert wrong["error_codes"] == [7000215]
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{entra.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
        identity = msal.ManagedIdentityClient(msal.SystemAssignedManagedIdentity(), http_client=session)
        given = identity.acquire_token_for_client(resource=org.url)
        headers["Authorization"] = f"Bearer {given['access_token']}"
        assert session.get(f"{root}/WhoAmI", headers=headers).status_code == 200
        assert (
            session.get(f"{root}/WhoAmI")
            .headers["WWW-Authenticate"]
            .startswith(f"Bearer authorization_uri={entra.url}/")
        )
    finally:
        for server in servers.values():
            server.close()
