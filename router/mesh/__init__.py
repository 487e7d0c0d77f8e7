"""The link-state protocol of the mesh: pure. Connections and deliveries do not belong here."""
