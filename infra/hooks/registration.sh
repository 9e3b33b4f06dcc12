#!/bin/sh
# Makes, or brings up to date, the app registration that people sign in with. Needs the Azure CLI, signed in as somebody
# who may register applications. prepare.sh calls it; by hand: infra/hooks/registration.sh NAME. It prints the client id.
# After provisioning it runs again (state-key.sh calls it) to add the sign-in address and the identity's credential.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
name="dynasync-${1:-${AZURE_ENV_NAME:?name of the installation}}"

# Entra ID does not find for a while what it has just made.
patiently() {
  left=${DYNASYNC_TRIES:-12}
  until "$@"; do
    left=$((left - 1))
    [ "$left" -gt 0 ] || return 1
    sleep "${DYNASYNC_PAUSE:-5}"
  done
}

# The list holds every name that begins like this one.
client=$(az ad app list --display-name "$name" --query "[?displayName=='$name'] | [0].appId" --output tsv)
if [ -z "$client" ]; then
  client=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg --query appId --output tsv)
fi
if [ -z "$(az ad sp list --filter "appId eq '$client'" --query "[0].id" --output tsv)" ]; then
  patiently az ad sp create --id "$client" --output none
fi
patiently az ad app update --id "$client" --app-roles "@$here/entra/app-roles.json" --identifier-uris "api://$client"
# Tokens of version 2 name the issuer and the audience that the app's sign-in checks; the scope is what callers ask for.
patiently az rest --method patch --url "https://graph.microsoft.com/v1.0/applications(appId='$client')" \
  --headers Content-Type=application/json --body "@$here/entra/api.json" --output none
# The Azure CLI may ask for it without a question to each person; it has to be there before it can be given.
patiently az rest --method patch --url "https://graph.microsoft.com/v1.0/applications(appId='$client')" \
  --headers Content-Type=application/json --body "@$here/entra/callers.json" --output none
# Nobody gets in without a role: sign-in itself is refused to those who have none.
patiently az ad sp update --id "$client" --set appRoleAssignmentRequired=true

if [ -n "${DYNASYNC_URL:-}" ]; then
  az ad app update --id "$client" --web-redirect-uris "$DYNASYNC_URL/.auth/login/aad/callback" \
    --enable-id-token-issuance true
fi
if [ -n "${DYNASYNC_IDENTITY:-}" ]; then
  # The app proves itself with its managed identity: there is no client secret to keep or to renew.
  tenant=$(az account show --query tenantId --output tsv)
  known=$(az ad app federated-credential list --id "$client" --query "[?name=='dynasync'].name" --output tsv)
  credential="{\"name\":\"dynasync\",\"issuer\":\"https://login.microsoftonline.com/$tenant/v2.0\",\"subject\":\"$DYNASYNC_IDENTITY\",\"audiences\":[\"api://AzureADTokenExchange\"]}"
  if [ -z "$known" ]; then
    az ad app federated-credential create --id "$client" --parameters "$credential" --output none
  else
    az ad app federated-credential update --id "$client" --federated-credential-id dynasync --parameters "$credential" --output none
  fi
fi
if [ -n "${AZURE_ENV_NAME:-}" ] && [ -z "${DYNASYNC_AUTH_CLIENT_ID:-}" ] && command -v azd >/dev/null 2>&1; then
  azd env set DYNASYNC_AUTH_CLIENT_ID "$client"
fi
echo "$client"
