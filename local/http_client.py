"""The HTTP client for the servers of the stack: without a proxy, as they listen on 127.0.0.1.

There is one for all requests, because a new one loads the machine's certificates first: 20 ms of processor time.
"""

import httpx

CLIENT = httpx.Client(trust_env=False)
