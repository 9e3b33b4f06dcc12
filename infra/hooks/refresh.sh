#!/bin/sh
# Has the platform read the app's references to the vault anew, then restarts the app. It keeps what it read for a day, and
# a restart alone does not make it look again. By hand: DYNASYNC_APP=... AZURE_RESOURCE_GROUP=... infra/hooks/refresh.sh
set -eu
: "${DYNASYNC_APP:?name of the function app}" "${AZURE_RESOURCE_GROUP:?its resource group}"
tries=${DYNASYNC_TRIES:-20}
app=$(az functionapp show --name "$DYNASYNC_APP" --resource-group "$AZURE_RESOURCE_GROUP" --query id --output tsv)
references="$app/config/configreferences/appsettings"
# The role on the vault may be minutes old.
while :; do
  az rest --method post --url "$references/refresh?api-version=2022-03-01" --output none
  status=$(az rest --method get --url "$references/DYNASYNC_STATE_KEY?api-version=2022-03-01" --query properties.status --output tsv)
  if [ "$status" = Resolved ]; then
    break
  fi
  tries=$((tries - 1))
  if [ "$tries" -le 0 ]; then
    echo "references: $DYNASYNC_APP cannot read dynasync-state-key ($status). Its system-assigned identity needs Key Vault Secrets User on the vault; then run this again." >&2
    exit 1
  fi
  sleep "${DYNASYNC_PAUSE:-30}"
done
az functionapp restart --name "$DYNASYNC_APP" --resource-group "$AZURE_RESOURCE_GROUP"
