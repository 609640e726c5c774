"""How ZooKeeper is proved to be what it is, and how dts proves itself to it: options of its client, by the settings.

https://zookeeper.apache.org/doc/current/zookeeperProgrammers.html#sc_ZooKeeperAccessControl
"""

from collections.abc import Mapping
from typing import Any

from kazoo.security import CREATOR_ALL_ACL

from common.settings import Settings


def zookeeper_access(settings: Settings) -> Mapping[str, Any]:
    """For ZooKeeperRegistry; empty where nothing is set.

    With a user, whatever is made may be read and changed by that user alone: who could write there could make itself
    the leader, or anybody else gone.
    """
    options: dict[str, Any] = {}
    if settings.zookeeper_auth:
        options |= {"auth_data": [("digest", settings.zookeeper_auth)], "default_acl": CREATOR_ALL_ACL}
    files = settings.tls("zookeeper")
    if files:
        options |= {
            "use_ssl": True,
            "check_hostname": True,
            "ca": str(files.ca) if files.ca else None,
            "certfile": str(files.certificate) if files.certificate else None,
            "keyfile": str(files.key) if files.key else None,
        }
    return options
