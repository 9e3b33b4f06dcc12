"""The parity table: what Bicep and Terraform call the same thing. One row: what it is | Bicep | Terraform [| how].

How the two values compare: nothing said, equal; `not`, opposite; `enabled`, 'Enabled' for true; `list`, one text in a
list; `none`, 'None' for 'private'. A row with `-` in a place stands in one template only, and says why.
"""

from __future__ import annotations

from dataclasses import dataclass

_ROWS = """
storage: kind | storage.account.kind | azurerm_storage_account.account.account_kind
storage: shared keys | storage.account.properties.allowSharedKeyAccess | azurerm_storage_account.account.shared_access_key_enabled
storage: public blobs | storage.account.properties.allowBlobPublicAccess | azurerm_storage_account.account.allow_nested_items_to_be_public
storage: copies to other tenants | storage.account.properties.allowCrossTenantReplication | azurerm_storage_account.account.cross_tenant_replication_enabled
storage: copy scope | storage.account.properties.allowedCopyScope | azurerm_storage_account.account.allowed_copy_scope
storage: portal signs in by identity | storage.account.properties.defaultToOAuthAuthentication | azurerm_storage_account.account.default_to_oauth_authentication
storage: local users | storage.account.properties.isLocalUserEnabled | azurerm_storage_account.account.local_user_enabled
storage: least TLS | storage.account.properties.minimumTlsVersion | azurerm_storage_account.account.min_tls_version
storage: https only | storage.account.properties.supportsHttpsTrafficOnly | azurerm_storage_account.account.https_traffic_only_enabled
storage: public network | storage.account.properties.publicNetworkAccess | azurerm_storage_account.account.public_network_access_enabled | enabled
storage: who passes the firewall | storage.account.properties.networkAcls.bypass | azurerm_storage_account.account.network_rules.bypass | list
storage: firewall | storage.account.properties.networkAcls.defaultAction | azurerm_storage_account.account.network_rules.default_action
storage: encrypted twice | storage.account.properties.encryption.requireInfrastructureEncryption | azurerm_storage_account.account.infrastructure_encryption_enabled
storage: deleted blobs kept, days | storage.blobs.properties.deleteRetentionPolicy.days | azurerm_storage_account.account.blob_properties.delete_retention_policy.days
storage: deleted containers kept, days | storage.blobs.properties.containerDeleteRetentionPolicy.days | azurerm_storage_account.account.blob_properties.container_delete_retention_policy.days
storage: package container is private | storage.package.properties.publicAccess | azurerm_storage_container.package.container_access_type | none
storage: queues | storage.queues.@each | azurerm_storage_queue.queues.for_each
storage: tables | storage.tables.@each | azurerm_storage_table.tables.for_each
vault: tier | vault.vault.properties.sku.name | azurerm_key_vault.vault.sku_name
vault: roles, not policies | vault.vault.properties.enableRbacAuthorization | azurerm_key_vault.vault.rbac_authorization_enabled
vault: purge protection | vault.vault.properties.enablePurgeProtection | azurerm_key_vault.vault.purge_protection_enabled
vault: deleted secrets kept, days | vault.vault.properties.softDeleteRetentionInDays | azurerm_key_vault.vault.soft_delete_retention_days
vault: public network | vault.vault.properties.publicNetworkAccess | azurerm_key_vault.vault.public_network_access_enabled | enabled
vault: who passes the firewall | vault.vault.properties.networkAcls.bypass | azurerm_key_vault.vault.network_acls.bypass
vault: firewall | vault.vault.properties.networkAcls.defaultAction | azurerm_key_vault.vault.network_acls.default_action
logs: tier | monitor.workspace.properties.sku.name | azurerm_log_analytics_workspace.workspace.sku
logs: kept, days | monitor.workspace.properties.retentionInDays | azurerm_log_analytics_workspace.workspace.retention_in_days
logs: keys | monitor.workspace.properties.features.disableLocalAuth | azurerm_log_analytics_workspace.workspace.local_authentication_enabled | not
logs: access by resource | monitor.workspace.properties.features.enableLogAccessUsingOnlyResourcePermissions | azurerm_log_analytics_workspace.workspace.allow_resource_only_permissions
telemetry: type | monitor.insights.properties.Application_Type | azurerm_application_insights.insights.application_type
telemetry: workspace | monitor.insights.properties.WorkspaceResourceId | azurerm_application_insights.insights.workspace_id
telemetry: keys | monitor.insights.properties.DisableLocalAuth | azurerm_application_insights.insights.local_authentication_enabled | not
telemetry: addresses masked | monitor.insights.properties.DisableIpMasking | azurerm_application_insights.insights.ip_masking_enabled | not
telemetry: share kept, percent | monitor.insights.properties.SamplingPercentage | azurerm_application_insights.insights.sampling_percentage
plan | app.plan.sku.name | azurerm_service_plan.plan.sku_name
app: both identities | app.app.identity.type | azurerm_function_app_flex_consumption.app.identity.type
app: https only | app.app.properties.httpsOnly | azurerm_function_app_flex_consumption.app.https_only
app: client certificates | app.app.properties.clientCertEnabled | azurerm_function_app_flex_consumption.app.client_certificate_enabled
app: public network | app.app.properties.publicNetworkAccess | azurerm_function_app_flex_consumption.app.public_network_access_enabled | enabled
app: subnet | app.app.properties.virtualNetworkSubnetId | azurerm_function_app_flex_consumption.app.virtual_network_subnet_id
app: package kind | app.app.properties.functionAppConfig.deployment.storage.type | azurerm_function_app_flex_consumption.app.storage_container_type
app: package read by | app.app.properties.functionAppConfig.deployment.storage.authentication.type | azurerm_function_app_flex_consumption.app.storage_authentication_type
app: package read as | app.app.properties.functionAppConfig.deployment.storage.authentication.userAssignedIdentityResourceId | azurerm_function_app_flex_consumption.app.storage_user_assigned_identity_id
app: language | app.app.properties.functionAppConfig.runtime.name | azurerm_function_app_flex_consumption.app.runtime_name
app: version | app.app.properties.functionAppConfig.runtime.version | azurerm_function_app_flex_consumption.app.runtime_version
app: memory, MB | app.app.properties.functionAppConfig.scaleAndConcurrency.instanceMemoryMB | azurerm_function_app_flex_consumption.app.instance_memory_in_mb
app: most instances | app.app.properties.functionAppConfig.scaleAndConcurrency.maximumInstanceCount | azurerm_function_app_flex_consumption.app.maximum_instance_count
app: HTTP requests at once | app.app.properties.functionAppConfig.scaleAndConcurrency.triggers.http.perInstanceConcurrency | azurerm_function_app_flex_consumption.app.http_concurrency
app: least TLS | app.app.properties.siteConfig.minTlsVersion | azurerm_function_app_flex_consumption.app.site_config.minimum_tls_version
app: least TLS of deployment | app.app.properties.siteConfig.scmMinTlsVersion | azurerm_function_app_flex_consumption.app.site_config.scm_minimum_tls_version
app: HTTP/2 | app.app.properties.siteConfig.http20Enabled | azurerm_function_app_flex_consumption.app.site_config.http2_enabled
app: deployment by password | app.publishing.properties.allow | azurerm_function_app_flex_consumption.app.webdeploy_publish_basic_authentication_enabled
sign-in: on | app.signIn.properties.platform.enabled | azurerm_function_app_flex_consumption.app.auth_settings_v2.auth_enabled
sign-in: asked of all | app.signIn.properties.globalValidation.requireAuthentication | azurerm_function_app_flex_consumption.app.auth_settings_v2.require_authentication
sign-in: who has not | app.signIn.properties.globalValidation.unauthenticatedClientAction | azurerm_function_app_flex_consumption.app.auth_settings_v2.unauthenticated_action
sign-in: https | app.signIn.properties.httpSettings.requireHttps | azurerm_function_app_flex_consumption.app.auth_settings_v2.require_https
sign-in: registration | app.signIn.properties.identityProviders.azureActiveDirectory.registration.clientId | azurerm_function_app_flex_consumption.app.auth_settings_v2.active_directory_v2.client_id
sign-in: proves itself by | app.signIn.properties.identityProviders.azureActiveDirectory.registration.clientSecretSettingName | azurerm_function_app_flex_consumption.app.auth_settings_v2.active_directory_v2.client_secret_setting_name
sign-in: audiences | app.signIn.properties.identityProviders.azureActiveDirectory.validation.allowedAudiences | azurerm_function_app_flex_consumption.app.auth_settings_v2.active_directory_v2.allowed_audiences
sign-in: issuer | app.signIn.properties.identityProviders.azureActiveDirectory.registration.openIdIssuer | azurerm_function_app_flex_consumption.app.auth_settings_v2.active_directory_v2.tenant_auth_endpoint
sign-in: tokens kept | app.signIn.properties.login.tokenStore.enabled | azurerm_function_app_flex_consumption.app.auth_settings_v2.login.token_store_enabled
sign-in: fragment kept | app.signIn.properties.login.preserveUrlFragmentsForLogins | azurerm_function_app_flex_consumption.app.auth_settings_v2.login.preserve_url_fragments_for_logins
alerts: group | alerts.group.properties.groupShortName | azurerm_monitor_action_group.group.short_name
alerts: group on | alerts.group.properties.enabled | azurerm_monitor_action_group.group.enabled
alerts: receiver | alerts.group.properties.emailReceivers[0].name | azurerm_monitor_action_group.group.email_receiver.name
alerts: address | alerts.group.properties.emailReceivers[0].emailAddress | azurerm_monitor_action_group.group.email_receiver.email_address
alerts: common schema | alerts.group.properties.emailReceivers[0].useCommonAlertSchema | azurerm_monitor_action_group.group.email_receiver.use_common_alert_schema
alerts: title | alerts.alerts.properties.displayName | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.display_name
alerts: description | alerts.alerts.properties.description | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.description
alerts: severity | alerts.alerts.properties.severity | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.severity
alerts: on | alerts.alerts.properties.enabled | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.enabled
alerts: close by themselves | alerts.alerts.properties.autoMitigate | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.auto_mitigation_enabled
alerts: scope | alerts.alerts.properties.scopes | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.scopes
alerts: rhythm | alerts.alerts.properties.evaluationFrequency | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.evaluation_frequency
alerts: window | alerts.alerts.properties.windowSize | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.window_duration
alerts: unknown tables allowed | alerts.alerts.properties.skipQueryValidation | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.skip_query_validation
alerts: query | alerts.alerts.properties.criteria.allOf[0].query | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.criteria.query
alerts: aggregation | alerts.alerts.properties.criteria.allOf[0].timeAggregation | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.criteria.time_aggregation_method
alerts: column | alerts.alerts.properties.criteria.allOf[0].metricMeasureColumn | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.criteria.metric_measure_column
alerts: comparison | alerts.alerts.properties.criteria.allOf[0].operator | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.criteria.operator
alerts: threshold | alerts.alerts.properties.criteria.allOf[0].threshold | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.criteria.threshold
alerts: split by | alerts.alerts.properties.criteria.allOf[0].dimensions.@each | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.criteria.dynamic.dimension.for_each
alerts: split how | alerts.alerts.properties.criteria.allOf[0].dimensions.operator | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.criteria.dynamic.dimension.content.operator
alerts: split values | alerts.alerts.properties.criteria.allOf[0].dimensions.values | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.criteria.dynamic.dimension.content.values
alerts: periods | alerts.alerts.properties.criteria.allOf[0].failingPeriods.numberOfEvaluationPeriods | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.criteria.failing_periods.number_of_evaluation_periods
alerts: failing periods | alerts.alerts.properties.criteria.allOf[0].failingPeriods.minFailingPeriodsToAlert | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.criteria.failing_periods.minimum_failing_periods_to_trigger_alert
alerts: told to | alerts.alerts.properties.actions.actionGroups | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.action.action_groups
workbook: title | workbook.workbook.properties.displayName | azurerm_application_insights_workbook.workbook.display_name
workbook: contents | workbook.workbook.properties.serializedData | azurerm_application_insights_workbook.workbook.data_json
workbook: source | workbook.workbook.properties.sourceId | azurerm_application_insights_workbook.workbook.source_id
network: space | network.network.properties.addressSpace.addressPrefixes | azurerm_virtual_network.network.address_space
network: app subnet | network.network.properties.subnets[0].properties.addressPrefix | azurerm_subnet.app.address_prefixes | list
network: app subnet is for | network.network.properties.subnets[0].properties.delegations[0].properties.serviceName | azurerm_subnet.app.delegation.service_delegation.name
network: endpoints | network.network.properties.subnets[1].properties.addressPrefix | azurerm_subnet.endpoints.address_prefixes | list
network: zones register hosts | network.links.properties.registrationEnabled | azurerm_private_dns_zone_virtual_network_link.links.registration_enabled
network: endpoint of | network.endpoints.properties.privateLinkServiceConnections[0].properties.privateLinkServiceId | azurerm_private_endpoint.endpoints.private_service_connection.private_connection_resource_id
network: endpoint for | network.endpoints.properties.privateLinkServiceConnections[0].properties.groupIds | azurerm_private_endpoint.endpoints.private_service_connection.subresource_names
only Bicep: storage encryption key | storage.account.properties.encryption.keySource | - | Terraform's provider has no other without a key of one's own
only Bicep: copies | storage.account.sku.name | - | Terraform has it in two parts, both from var.storage_sku
only Bicep: soft delete of blobs | storage.blobs.properties.deleteRetentionPolicy.enabled | - | implied by its days in Terraform
only Bicep: soft delete of containers | storage.blobs.properties.containerDeleteRetentionPolicy.enabled | - | implied by its days in Terraform
only Bicep: vault family | vault.vault.properties.sku.family | - | there is no other
only Bicep: soft delete of secrets | vault.vault.properties.enableSoftDelete | - | Terraform's provider always sets it
only Bicep: vault tenant | vault.vault.properties.tenantId | - | both take the deploying tenant
only Bicep: ingestion | monitor.insights.properties.IngestionMode | - | follows from the workspace
only Bicep: kind of telemetry | monitor.insights.kind | - | follows from the type
only Bicep: plan kind | app.plan.kind | - | follows from os_type
only Bicep: plan tier | app.plan.sku.tier | - | follows from the name FC1
only Bicep: plan on Linux | app.plan.properties.reserved | - | os_type in Terraform
only Bicep: app kind | app.app.kind | - | follows from the resource type
only Bicep: plan of the app | app.app.properties.serverFarmId | - | service_plan_id in Terraform
only Bicep: package address | app.app.properties.functionAppConfig.deployment.storage.value | - | storage_container_endpoint in Terraform
only Bicep: FTP | app.app.properties.siteConfig.ftpsState | - | Terraform's provider has no FTP for Flex Consumption
only Bicep: remote debugging | app.app.properties.siteConfig.remoteDebuggingEnabled | - | off unless set in Terraform
only Bicep: ways of deployment by password | app.publishing.@each | - | one argument in Terraform
only Bicep: provider on | app.signIn.properties.identityProviders.azureActiveDirectory.enabled | - | the block in Terraform
only Bicep: alert kind | alerts.alerts.kind | - | the resource type in Terraform
only Bicep: criterion kind | alerts.alerts.properties.criteria.allOf[0].criterionType | - | the resource type in Terraform
only Bicep: dimension name | alerts.alerts.properties.criteria.allOf[0].dimensions.name | - | each of splitBy in both
only Bicep: the rules | alerts.alerts.@each | - | the same file in both
only Bicep: workbook kind | workbook.workbook.kind | - | shared unless said otherwise
only Bicep: workbook category | workbook.workbook.properties.category | - | parsed as a reference; it is 'workbook'
only Bicep: subnet names | network.network.properties.subnets[0].name | - | resources of their own in Terraform
only Bicep: subnet names | network.network.properties.subnets[1].name | - | resources of their own in Terraform
only Bicep: delegation name | network.network.properties.subnets[0].properties.delegations[0].name | - | a label
only Bicep: private endpoints of | network.zones.@each | - | local.targets in Terraform
only Bicep: private endpoints of | network.links.@each | - | local.targets in Terraform
only Bicep: private endpoints of | network.endpoints.@each | - | local.targets in Terraform
only Bicep: private endpoints of | network.names.@each | - | local.targets in Terraform
only Bicep: link's network | network.links.properties.virtualNetwork.id | - | virtual_network_id in Terraform
only Bicep: endpoint's subnet | network.endpoints.properties.subnet.id | - | subnet_id in Terraform
only Bicep: label | network.endpoints.properties.privateLinkServiceConnections[0].name | - | a label
only Bicep: zone label | network.names.properties.privateDnsZoneConfigs[0].name | - | a label
only Bicep: zone | network.names.properties.privateDnsZoneConfigs[0].properties.privateDnsZoneId | - | private_dns_zone_ids in Terraform
only Terraform: copies | - | azurerm_storage_account.account.account_tier | the first part of the SKU
only Terraform: copies | - | azurerm_storage_account.account.account_replication_type | the second part of the SKU
only Terraform: plan's system | - | azurerm_service_plan.plan.os_type | reserved in Bicep
only Terraform: plan of the app | - | azurerm_function_app_flex_consumption.app.service_plan_id | serverFarmId in Bicep
only Terraform: package address | - | azurerm_function_app_flex_consumption.app.storage_container_endpoint | deployment.storage.value in Bicep
only Terraform: identities | - | azurerm_function_app_flex_consumption.app.identity.identity_ids | the key of userAssignedIdentities in Bicep
only Terraform: the rules | - | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.for_each | the same file in both
only Terraform: dimension name | - | azurerm_monitor_scheduled_query_rules_alert_v2.alerts.criteria.dynamic.dimension.content.name | each of splitBy in both
only Terraform: tables stay when the prefix changes | - | azurerm_storage_table.tables.lifecycle.ignore_changes | Bicep deletes nothing
only Terraform: workbook category | - | azurerm_application_insights_workbook.workbook.category | it is 'workbook' in both
only Terraform: vault tenant | - | azurerm_key_vault.vault.tenant_id | both take the deploying tenant
only Terraform: switch | - | azurerm_virtual_network.network.count | the module's condition in Bicep
only Terraform: switch | - | azurerm_subnet.app.count | the module's condition in Bicep
only Terraform: switch | - | azurerm_subnet.endpoints.count | the module's condition in Bicep
only Terraform: subnet's network | - | azurerm_subnet.app.virtual_network_name | nested in Bicep
only Terraform: subnet's network | - | azurerm_subnet.endpoints.virtual_network_name | nested in Bicep
only Terraform: delegation name | - | azurerm_subnet.app.delegation.name | a label
only Terraform: private endpoints of | - | azurerm_private_dns_zone.zones.for_each | targets in Bicep
only Terraform: private endpoints of | - | azurerm_private_dns_zone_virtual_network_link.links.for_each | targets in Bicep
only Terraform: link's zone | - | azurerm_private_dns_zone_virtual_network_link.links.private_dns_zone_id | the parent in Bicep
only Terraform: link's network | - | azurerm_private_dns_zone_virtual_network_link.links.virtual_network_id | virtualNetwork.id in Bicep
only Terraform: private endpoints of | - | azurerm_private_endpoint.endpoints.for_each | targets in Bicep
only Terraform: endpoint's subnet | - | azurerm_private_endpoint.endpoints.subnet_id | subnet.id in Bicep
only Terraform: label | - | azurerm_private_endpoint.endpoints.private_service_connection.name | a label
only Terraform: by hand | - | azurerm_private_endpoint.endpoints.private_service_connection.is_manual_connection | Bicep names the automatic list
only Terraform: label | - | azurerm_private_endpoint.endpoints.private_dns_zone_group.name | a label
only Terraform: zone | - | azurerm_private_endpoint.endpoints.private_dns_zone_group.private_dns_zone_ids | privateDnsZoneId in Bicep
"""


@dataclass(frozen=True, slots=True)
class ParityRow:
    """`how` is the comparison, or the reason of a row that stands in one template only."""

    fact: str
    bicep: str
    terraform: str
    how: str = ""


def rows() -> list[ParityRow]:
    found = [ParityRow(*(part.strip() for part in line.split(" | "))) for line in _ROWS.strip().splitlines()]
    return [
        ParityRow(
            row.fact, "" if row.bicep == "-" else row.bicep, "" if row.terraform == "-" else row.terraform, row.how
        )
        for row in found
    ]
