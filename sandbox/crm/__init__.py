"""A CRM: the subset of CiviCRM's API v4 over HTTP that the connector speaks, and its refusals.

What is told here of the real one was read in civicrm/civicrm-core: CRM/Api4/Page/AJAX.php (answers),
ext/authx (keys), Civi/Api4/Generic (actions), Civi/Api4/Query/Api4SelectQuery.php (where, joins),
Civi/Api4/Service/Spec/Provider (defaults), CRM/Contribute/BAO/Contribution.php (duplicates).
"""
