"""The tables that the jobs use (docs/domain.md, "Tables"): parameters of the statements about all of them."""

WRITTEN = ("person_owner", "person_trust", "post_trust")
USED = (
    *("person", "contact_details", "gmc_details", "gdc_details", "specialty", "programme", "post", "post_funding"),
    *("placement", "placement_specialty", "programme_membership", "curriculum_membership"),
    *WRITTEN,
)
