"""The JSON of tables, keys and relationships: from the schema to what the Web API shows (dataverse.md 3).

Pure. Ids of metadata are derived from names, so they are the same after every reset. Navigation properties
(`Attributes`, `Keys`, ...) are left out here; `$expand` adds them.
"""

from __future__ import annotations

from simulators.dataverse.metadata.labels import Json, label, managed, metadata_id
from simulators.dataverse.schema import AlternateKey, Column, Navigation, Table

# Properties that say nothing here but that a client may select.
_PLAIN: Json = {
    **dict.fromkeys(
        (
            "AutoCreateAccessTeams",
            "AutoRouteToOwnerQueue",
            "EnforceStateTransitions",
            "EntityHelpUrlEnabled",
            "HasFeedback",
            "IsAIRUpdated",
            "IsBPFEntity",
            "IsDocumentManagementEnabled",
            "IsDocumentRecommendationsEnabled",
            "IsEnabledForExternalChannels",
            "IsEnabledForTrace",
            "IsInteractionCentricEnabled",
            "IsMSTeamsIntegrationEnabled",
            "IsOneNoteIntegrationEnabled",
            "IsReadingPaneEnabled",
            "IsSLAEnabled",
            "IsSolutionAware",
            "IsStateModelAware",
            "UsesBusinessDataLabelTable",
        ),
        False,
    ),
    **dict.fromkeys(
        (
            "DataSourceId",
            "EntityColor",
            "EntityHelpUrl",
            "ExternalCollectionName",
            "ExternalName",
            "IconLargeName",
            "IconMediumName",
            "IconSmallName",
            "IconVectorName",
            "MobileOfflineFilters",
        )
    ),
    "DaysSinceRecordLastModified": 0,
    "Settings": [],
}


def _privileges(table: Table) -> list[Json]:
    from simulators.dataverse.security.names import RIGHTS, privilege_id, privilege_name

    reach = dict.fromkeys(("CanBeBasic", "CanBeLocal", "CanBeDeep"), table.ownership == "UserOwned")
    return [
        {
            **reach,
            "CanBeGlobal": True,
            "Name": privilege_name(right, table),
            "PrivilegeId": privilege_id(privilege_name(right, table)),
            "PrivilegeType": right,
        }
        for right in RIGHTS
    ]


def entity(table: Table) -> Json:
    """EntityMetadata of a table."""
    title = table.label or table.schema_name
    owned = table.ownership == "UserOwned"
    return {
        "ActivityTypeMask": 1 if table.activity else 0,
        "LogicalName": table.name,
        "SchemaName": table.schema_name,
        "EntitySetName": table.entity_set,
        "LogicalCollectionName": table.entity_set,
        "CollectionSchemaName": f"{table.schema_name}s",
        "ObjectTypeCode": table.object_type_code,
        "OwnershipType": table.ownership,
        "PrimaryIdAttribute": table.primary_id,
        "PrimaryNameAttribute": table.primary_name or None,
        "PrimaryImageAttribute": "entityimage" if "entityimageid" in table.columns else None,
        "TableType": "Standard",
        "DataProviderId": None,
        "IsActivity": table.activity,
        "IsActivityParty": table.name in {"account", "contact", "lead", "systemuser"},
        "IsChildEntity": False,
        "IsCustomEntity": table.custom,
        "IsIntersect": False,
        "IsLogicalEntity": False,
        "IsManaged": not table.custom,
        "IsAvailableOffline": True,
        "IsBusinessProcessEnabled": owned,
        "IsEnabledForCharts": True,
        "IsImportable": True,
        "IsValidForAdvancedFind": True,
        "IsKnowledgeManagementEnabled": False,
        "IsQuickCreateEnabled": owned,
        "IsOptimisticConcurrencyEnabled": table.concurrency,
        "IsPrivate": False,
        "ChangeTrackingEnabled": table.tracking,
        "HasActivities": owned and not table.activity,
        "HasNotes": owned,
        "IntroducedVersion": "1.0" if table.custom else "5.0.0.0",
        **_PLAIN,
        "Privileges": _privileges(table),
        "CanTriggerWorkflow": True,
        "SyncToExternalSearchIndex": owned,
        "Description": label("", table.name),
        "DisplayName": label(title, table.name, managed=not table.custom),
        "DisplayCollectionName": label(f"{title}s", table.name, "collection", managed=not table.custom),
        "CanBeInManyToMany": managed("canbeinmanytomany", value=True, changeable=False),
        "CanChangeTrackingBeEnabled": managed("canchangetrackingbeenabled", value=table.can_track),
        "CanCreateAttributes": managed("cancreateattributes", value=table.object_type_code != 0, changeable=False),
        "CanCreateForms": managed("cancreateforms", value=True),
        "CanCreateViews": managed("cancreateviews", value=True),
        "CanModifyAdditionalSettings": managed("canmodifyadditionalsettings", value=True),
        "IsAuditEnabled": managed("canmodifyauditsettings", value=owned),
        "IsConnectionsEnabled": managed("canmodifyconnectionsettings", value=owned),
        "IsCustomizable": managed("iscustomizable", value=True),
        "IsDuplicateDetectionEnabled": managed("canmodifyduplicatedetectionsettings", value=table.duplicate_detection),
        "IsRenameable": managed("isrenameable", value=True),
        "MetadataId": metadata_id("entity", table.name),
        "HasChanged": None,
    }


def key(table: Table, declared: AlternateKey) -> Json:
    """EntityKeyMetadata of an alternate key."""
    return {
        "DisplayName": label(declared.label or declared.name, table.name, declared.name, managed=False),
        "LogicalName": declared.name.lower(),
        "SchemaName": declared.name,
        "EntityLogicalName": table.name,
        "KeyAttributes": list(declared.columns),
        "EntityKeyIndexStatus": declared.status,
        "AsyncJob": None,
        "IsCustomizable": managed("iscustomizable", value=True),
        "IsManaged": False,
        "IsSynchronous": False,
        "IsExportKey": False,
        "IsSecondaryKey": False,
        "IntroducedVersion": "1.0",
        "MetadataId": metadata_id("key", table.name, declared.name),
        "HasChanged": None,
    }


def relationship(target: Table, owner: Table, column: Column, *, navigation: str, reverse: str) -> Json:
    """OneToManyRelationshipMetadata: `target` is the one, `owner.column` the many."""
    return {
        "ReferencedAttribute": target.primary_id,
        "ReferencedEntity": target.name,
        "ReferencedEntityNavigationPropertyName": reverse,
        "ReferencingAttribute": column.name,
        "ReferencingEntity": owner.name,
        "ReferencingEntityNavigationPropertyName": navigation,
        "RelationshipBehavior": 1,
        "RelationshipType": "OneToManyRelationship",
        "SchemaName": reverse,
        "SecurityTypes": "Append",
        "IsCustomRelationship": column.custom,
        "IsHierarchical": False,
        "IsManaged": not column.custom,
        "IsValidForAdvancedFind": True,
        "IsRelationshipAttributeDenormalized": False,
        "IsDenormalizedLookup": None,
        "DenormalizedAttributeName": None,
        "EntityKey": None,
        "RelationshipAttributes": [],
        "IntroducedVersion": "1.0" if column.custom else "5.0.0.0",
        "CascadeConfiguration": {
            "Assign": "NoCascade",
            "Delete": "RemoveLink",
            "Archive": "NoCascade",
            "Merge": "NoCascade" if column.custom else "Cascade",
            "Reparent": "NoCascade",
            "Share": "NoCascade",
            "Unshare": "NoCascade",
            "RollupView": "NoCascade",
        },
        "IsCustomizable": managed("iscustomizable", value=True),
        "MetadataId": metadata_id("relationship", owner.name, column.name, target.name),
        "HasChanged": None,
    }


def many_to_many(table: Table, other: Table, navigation: Navigation) -> Json:
    """ManyToManyRelationshipMetadata, seen from `table`."""
    return {
        "Entity1LogicalName": table.name,
        "Entity1IntersectAttribute": navigation.near,
        "Entity1NavigationPropertyName": navigation.name,
        "Entity2LogicalName": other.name,
        "Entity2IntersectAttribute": navigation.far,
        "Entity2NavigationPropertyName": navigation.name,
        "IntersectEntityName": navigation.intersect,
        "RelationshipType": "ManyToManyRelationship",
        "SchemaName": navigation.name,
        "SecurityTypes": "None",
        "IsCustomRelationship": False,
        "IsManaged": True,
        "IsValidForAdvancedFind": True,
        "IntroducedVersion": "5.0.0.0",
        "IsCustomizable": managed("iscustomizable", value=False, changeable=False),
        "MetadataId": metadata_id("relationship", navigation.name),
        "HasChanged": None,
    }
