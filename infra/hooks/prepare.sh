#!/bin/sh
# What has to be there before the templates: the subscription's resource providers, then the registration for sign-in.
# Needs the Azure CLI. azd runs it before it provisions; by hand: infra/hooks/prepare.sh NAME
set -eu
# Azure registers the owners of the resources of a template by itself, but not Microsoft.App, where Flex Consumption runs.
for provider in Microsoft.App Microsoft.KeyVault Microsoft.ManagedIdentity Microsoft.Network Microsoft.OperationalInsights Microsoft.Storage Microsoft.Web microsoft.insights; do
  az provider register --namespace "$provider" --wait --output none
done
exec sh "$(dirname "$0")/registration.sh" "$@"
