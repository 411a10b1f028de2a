"""Run a node of Elasticsearch with users, permissions and https in this process, until SIGTERM.

    python -m tests.deployment.secure_elasticsearch_node --home FOLDER --port PORT --password-file FILE

config/key.pem and config/certificate.pem in FOLDER are the key and the certificate of https. The password is that of
the administrator, elastic.

It is the node of local/elasticsearch_node.py with two modules of the official image: x-pack-core and x-pack-security.
Two things differ from the image. Logins through SAML lack their libraries. The index that stores users and API keys
analyses e-mail addresses with the standard analyzer, because the module with the special one is in no registry.
"""

import argparse
import time
import zipfile
from pathlib import Path
from typing import Any

import jpype  # type: ignore[import-untyped]

from local import elasticsearch_node as node
from local import jars

LOCK = Path(__file__).with_name("elasticsearch-security.lock.toml")
CORE, SECURITY = "x-pack-core", "x-pack-security"
DESCRIPTOR = """\
name={name}
description={name}
version={version}
elasticsearch.version={version}
java.version=21
classname={class_name}
extended.plugins={extended}
"""
SETTINGS = {
    "xpack.security.enabled": "true",
    "xpack.security.http.ssl.enabled": "true",
    "xpack.security.http.ssl.key": "key.pem",
    "xpack.security.http.ssl.certificate": "certificate.pem",
}
SECURITY_INDEX = ".security-7"
ANALYSIS = "analysis."


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.deployment.secure_elasticsearch_node", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--password-file", type=Path, required=True)
    arguments = parser.parse_args()
    home = arguments.home
    server = jars.install()
    added = jars.install(home / "security-jars", LOCK)
    node.prepare_home(home)
    describe(home, CORE, "org.elasticsearch.xpack.core.XPackPlugin", "")
    describe(home, SECURITY, "org.elasticsearch.xpack.security.Security", CORE)
    transport = [path for path in server if "netty" in path.name]
    node.start_java(
        [path for path in server if path not in transport], argparse.Namespace(home=home, heap="1g", quick=True)
    )
    settings = node.node_settings(home, arguments.port) | SETTINGS
    made = make_node(home, settings, arguments.password_file.read_text(encoding="utf-8"), transport, added)
    let_users_be_stored(made)
    node.close_on_signal(made)
    made.start()
    while True:
        time.sleep(0.2)


def describe(home: Path, name: str, class_name: str, extended: str) -> None:
    """The description of a module, where the server looks for it."""
    folder = home / "modules" / name
    folder.mkdir(parents=True, exist_ok=True)
    text = DESCRIPTOR.format(name=name, version=jars.VERSION, class_name=class_name, extended=extended)
    (folder / "plugin-descriptor.properties").write_text(text, encoding="utf-8")


def make_node(
    home: Path, node_settings: dict[str, str], password: str, transport: list[Path], added: list[Path]
) -> Any:
    """A node, not started yet. transport, added: the jars of the transport module, and of the two others."""
    jpype.JClass("org.elasticsearch.common.logging.LogConfigurator").configureESLogging()
    settings = jpype.JClass("org.elasticsearch.common.settings.Settings").builder()
    for name, value in node_settings.items():
        settings.put(name, value)
    keystore = jpype.JClass("org.elasticsearch.common.settings.KeyStoreWrapper").create()
    keystore.setString("bootstrap.password", jpype.JString(password).toCharArray())
    settings.setSecureSettings(keystore)
    path_of = jpype.JClass("java.nio.file.Path").of
    environment = jpype.JClass("org.elasticsearch.env.Environment")(settings.build(), path_of(str(home / "config")))
    loader = plugins_loader(environment.modulesDir(), class_loaders(home, transport, added))
    return jpype.JClass("org.elasticsearch.node.Node")(environment, loader)


def class_loaders(home: Path, transport: list[Path], added: list[Path]) -> dict[str, Any]:
    """A class loader for each module, so that the server finds the services of each module apart.

    The security module sees the classes of the core module, and must not see its services: they are left out.
    """
    system = jpype.JClass("java.lang.ClassLoader").getSystemClassLoader()
    security = [path for path in added if path.name.startswith(SECURITY)]
    core = [
        without_services(path, home) if path.name.startswith(CORE) else path for path in added if path not in security
    ]
    core_loader = loader_of(core, system)
    return {
        node.TRANSPORT: loader_of(transport, system),
        CORE: core_loader,
        SECURITY: loader_of([*security, *transport], core_loader),
    }


def loader_of(paths: list[Path], parent: Any) -> Any:
    file = jpype.JClass("java.io.File")
    urls = [file(str(path)).toURI().toURL() for path in paths]
    return jpype.JClass("java.net.URLClassLoader")(jpype.JArray(jpype.JClass("java.net.URL"))(urls), parent)


def without_services(jar: Path, folder: Path) -> Path:
    made = folder / jar.name
    with zipfile.ZipFile(jar) as source, zipfile.ZipFile(made, "w") as target:
        for entry in source.infolist():
            if not entry.filename.startswith("META-INF/services/"):
                target.writestr(entry, source.read(entry))
    return made


def plugins_loader(modules: Any, loaders: dict[str, Any]) -> Any:
    """As plugins_loader of local/elasticsearch_node.py, for several modules. loaders: in the order of loading."""
    loader_class = jpype.JClass("org.elasticsearch.plugins.PluginsLoader")
    layer_class = jpype.JClass("org.elasticsearch.plugins.PluginsLoader$LoadedPluginLayer")
    bundles = loader_class.loadModulesBundles(modules, False)
    by_name = {str(bundle.pluginDescriptor().getName()): bundle for bundle in bundles}
    boot = jpype.JClass("java.lang.ModuleLayer").boot()
    layers = jpype.JClass("java.util.LinkedHashMap")()
    for name, loader in loaders.items():
        layers.put(name, node.construct(layer_class, by_name[name], loader, boot, loader, boot))
    return node.construct(loader_class, bundles, jpype.JClass("java.util.Set").of(), layers)


def let_users_be_stored(made: Any) -> None:
    """Replace the analyzer of e-mail addresses in the settings of the index of users."""
    indices = made.injector().getInstance(jpype.JClass("org.elasticsearch.indices.SystemIndices").class_)
    descriptor = indices.findMatchingDescriptor(SECURITY_INDEX)
    field = descriptor.getClass().getDeclaredField("settings")
    field.setAccessible(True)
    settings = jpype.JClass("org.elasticsearch.common.settings.Settings").builder().put(field.get(descriptor))
    for name in field.get(descriptor).keySet():
        if str(name).startswith(ANALYSIS):
            settings.remove(name)
    settings.put(f"{ANALYSIS}analyzer.email.type", "standard")
    field.set(descriptor, settings.build())


if __name__ == "__main__":
    main()
