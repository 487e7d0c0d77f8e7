"""HTTP/1.1 on listeners: upgrade to WebSocket, health, metrics, files; and CONNECT to a proxy.

Belongs here: requests and responses. Does not: frames of WebSocket (amqp/engine/websocket.pyx), what
the metrics are.
"""
