"""Edge routers as they see the network, and as interior routers and each other see them: pure (spec:
routing-protocol §8). Routing between interior routers does not belong here.
"""
