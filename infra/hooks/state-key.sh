#!/bin/sh
# Puts the state key into the vault, once: a vault that has one keeps it, since another key means a full resync. The key
# is made here and goes nowhere else. azd runs it after it provisioned; by hand: DYNASYNC_VAULT=... infra/hooks/state-key.sh
set -eu
: "${DYNASYNC_VAULT:?name of the vault}"
tries=${DYNASYNC_TRIES:-20}
# A vault that is closed to the outside (private networking) does not answer here, but the platform tells whether the app
# reads the key in it.
read_by_app() {
  [ -n "${DYNASYNC_APP:-}" ] && [ -n "${AZURE_RESOURCE_GROUP:-}" ] || return 1
  app=$(az functionapp show --name "$DYNASYNC_APP" --resource-group "$AZURE_RESOURCE_GROUP" --query id --output tsv) || return 1
  reference="$app/config/configreferences/appsettings/DYNASYNC_STATE_KEY?api-version=2022-03-01"
  [ "$(az rest --method get --url "$reference" --query properties.status --output tsv)" = Resolved ]
}
# The role on the vault may be minutes old, and a vault that did not answer is no vault without a key.
until known=$(az keyvault secret list --vault-name "$DYNASYNC_VAULT" --query "[?name=='dynasync-state-key'].name" --output tsv); do
  if read_by_app; then
    known=dynasync-state-key
    break
  fi
  tries=$((tries - 1))
  if [ "$tries" -le 0 ]; then
    echo "state key: the vault $DYNASYNC_VAULT does not tell its secrets; nothing was changed. Give yourself Key Vault Secrets Officer on it, run this where its network lets you in, and try again." >&2
    exit 1
  fi
  sleep "${DYNASYNC_PAUSE:-30}"
done
if [ -z "$known" ]; then
  umask 077
  file=$(mktemp)
  trap 'rm -f "$file"' EXIT
  openssl rand -base64 32 | tr -d '\n' >"$file"
  az keyvault secret set --vault-name "$DYNASYNC_VAULT" --name dynasync-state-key --file "$file" --encoding utf-8 --output none
  echo "state key: made"
else
  echo "state key: kept"
fi
if [ -n "${DYNASYNC_URL:-}" ]; then
  sh "$(dirname "$0")/registration.sh"
fi
if [ -n "${DYNASYNC_APP:-}" ]; then
  sh "$(dirname "$0")/refresh.sh"
fi
