"""OData as the Dataverse Web API speaks it: paths, queries and their evaluation."""
