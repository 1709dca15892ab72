# Turns a project of Kedro 0.18 into one of sparkpipe; see migrating-from-kedro.md.
# For 'sed -E'. Applying it twice does no harm.

# Types in a catalog: the short form finds ours, and else that of kedro-datasets.
s/((type|dataset)["']?[[:space:]]*(:[[:space:]]*["']?|=[[:space:]]*["']))(kedro\.extras\.datasets|kedro_datasets)\./\1/g
s/((type|dataset)["']?[[:space:]]*(:[[:space:]]*["']?|=[[:space:]]*["']))kedro\.io\.(data_catalog|[a-z]+_data_?set)\./\1/g
s/((type|dataset)["']?[[:space:]]*(:[[:space:]]*["']?|=[[:space:]]*["']))kedro\.io\./\1/g

# Imports of data sets: the module of one class is ours by its package.
s/(kedro\.extras\.datasets|kedro_datasets)\.([a-z]+)\.[a-z_]+(_data_?set|_writer)([^A-Za-z0-9_]|$)/\1.\2\4/g
s/(kedro\.extras\.datasets|kedro_datasets)\.(databricks|json|matplotlib|pickle|spark|text|yaml)([^A-Za-z0-9_]|$)/sparkpipe.datasets.\2\3/g
/(GBQTable|GBQQuery|Generic|HDF|XML|DeltaTable)Data[Ss]et/!s/(kedro\.extras\.datasets|kedro_datasets)\.pandas([^A-Za-z0-9_]|$)/sparkpipe.datasets.pandas\2/g
s/kedro\.extras\.datasets/kedro_datasets/g

# Modules that have another place.
s/(^|[^A-Za-z0-9_./])kedro\.io\.(data_catalog|(memory|lambda|cached|partitioned|incremental)_data_?set)([^A-Za-z0-9_]|$)/\1sparkpipe.io\4/g
s/(^|[^A-Za-z0-9_./])kedro\.config\.((abstract|templated|omegaconf)_config|config|common)([^A-Za-z0-9_]|$)/\1sparkpipe.config\4/g
s/(^|[^A-Za-z0-9_./])kedro\.extras\.logging(\.color_logger)?\.(Color|Rich)Handler/\1sparkpipe.logging.RichHandler/g
s/(^|[^A-Za-z0-9_./])kedro\.utils([^A-Za-z0-9_]|$)/\1sparkpipe.framework.utils\2/g

# All others have the same name in sparkpipe.
s/(^|[^A-Za-z0-9_./])kedro\.(config|framework|io|logging|pipeline|runner)([^A-Za-z0-9_-]|$)/\1sparkpipe.\2\3/g
s/(^|[^A-Za-z0-9_./])kedro\.(hooks|project_commands|global_commands)([^A-Za-z0-9_-]|$)/\1sparkpipe.\2\3/g
s/(^|[^A-Za-z0-9_./])kedro\.__version__/\1sparkpipe.__version__/g
s/^([[:space:]]*)from[[:space:]]+kedro[[:space:]]+import /\1from sparkpipe import /
s/^([[:space:]]*)import[[:space:]]+kedro([[:space:]]|$)/\1import sparkpipe\2/
s/(["'])kedro_version(["'])/\1sparkpipe_version\2/g

# Loggers, by name and in logging.yml.
s/(getLogger\(|logger=)(["'])kedro(["'])/\1\2sparkpipe\3/g
s/^([[:space:]]+)kedro:[[:space:]]*$/\1sparkpipe:/

# pyproject.toml, requirements and the environment.
s/^\[tool\.kedro\]/[tool.sparkpipe]/
/^([[:space:]]*-[[:space:]]*)?kedro-telemetry([^A-Za-z0-9_-]|$)/d
/^[[:space:]]*["']kedro-telemetry[^"']*["'],?[[:space:]]*$/d
s/^kedro(\[[^]]*\])?[[:space:]]*([~=<>!].*)?$/sparkpipe[spark,excel,sql]/
s/^([[:space:]]*-[[:space:]]*)kedro(\[[^]]*\])?[[:space:]]*[~=<>!].*$/\1sparkpipe[spark,excel,sql]/
s/(["'])kedro(\[[^]]*\])?[[:space:]]*[~=<>!][^"']*(["'])/\1sparkpipe[spark,excel,sql]\3/g
s/KEDRO_ENV([^A-Za-z0-9_]|$)/SPARKPIPE_ENV\1/g

# Commands, as written for a shell or as a list of arguments.
s/(^|[^A-Za-z0-9_.\/-])kedro (run|catalog|info|new|package|pipeline|registry)([^A-Za-z0-9_]|$)/\1sparkpipe \2\3/g
s/(["'])kedro(["'], *["'](run|catalog|info|new|package|pipeline|registry)["'])/\1sparkpipe\2/g
