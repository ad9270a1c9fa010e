// Rows of the option table: ICE_OPTION(id, key, type, fallback, environment, environment unit, choices, min, max, help).
// Included several times with different meanings of ICE_OPTION, so there is no include guard.
ICE_OPTION(NAME, "name", TEXT, NULL, NULL, NULL, NULL, 0, 0,
           "The sink: the name that owns the position in the lead table. Never change it on a running pipeline.")
ICE_OPTION(SOURCE_KAFKA_BROKERS, "source.kafka.brokers", TEXT, NULL, "KAFKA_BROKERS", NULL, NULL, 0, 0,
           "Bootstrap servers, host:port, separated by commas.")
ICE_OPTION(SOURCE_KAFKA_TOPICS, "source.kafka.topics", LIST, NULL, "KAFKA_TOPIC", NULL, NULL, 0, 0, "Topics to read.")
ICE_OPTION(SOURCE_KAFKA_TOPIC_PATTERN, "source.kafka.topic_pattern", TEXT, NULL, NULL, NULL, NULL, 0, 0,
           "Topics to read, those that appear later too: an extended regular expression of the whole name.")
ICE_OPTION(SOURCE_KAFKA_GROUP, "source.kafka.group", TEXT, NULL, "KAFKA_GROUP_ID", NULL, NULL, 0, 0,
           "Consumer group. Its offsets are written for lag tools; the table holds the position.")
ICE_OPTION(SOURCE_KAFKA_ASSIGNMENT, "source.kafka.assignment", CHOICE, "all", NULL, NULL, "all|group", 0, 0,
           "all: this process reads every partition. group: the consumer group divides them among the processes of "
           "the sink.")
ICE_OPTION(
    SOURCE_KAFKA_START, "source.kafka.start", CHOICE, "earliest", "KAFKA_AUTO_OFFSET_RESET", NULL,
    "earliest|latest|committed", 0, 0,
    "Where a sink without a position begins; resolved once and committed before the first record. committed: "
    "where source.kafka.group is, which another program has read before; a partition without an offset, at its "
    "beginning.")
ICE_OPTION(SOURCE_KAFKA_DISCOVERY, "source.kafka.discovery_interval", DURATION, "1m",
           "KAFKA_PARTITION_DISCOVERY_INTERVAL_MS", "ms", NULL, 0, 86400000,
           "How often to look for new partitions; 0: never.")
ICE_OPTION(SOURCE_KAFKA_SECURITY_PROTOCOL, "source.kafka.security_protocol", TEXT, NULL, "KAFKA_SECURITY_PROTOCOL",
           NULL, NULL, 0, 0, "security.protocol of librdkafka: plaintext, ssl, sasl_plaintext or sasl_ssl.")
ICE_OPTION(SOURCE_KAFKA_SASL_MECHANISM, "source.kafka.sasl_mechanism", TEXT, NULL, "KAFKA_SASL_MECHANISM", NULL, NULL,
           0, 0, "sasl.mechanism of librdkafka.")
ICE_OPTION(SOURCE_KAFKA_SASL_USERNAME, "source.kafka.sasl_username", TEXT, NULL, "KAFKA_SASL_USERNAME", NULL, NULL, 0,
           0, "SASL user name.")
ICE_OPTION(SOURCE_KAFKA_SASL_PASSWORD, "source.kafka.sasl_password", SECRET, NULL, "KAFKA_SASL_PASSWORD", NULL, NULL,
           0, 0, "SASL password.")
ICE_OPTION(SOURCE_KAFKA_OAUTH_TOKEN_ENDPOINT, "source.kafka.oauth_token_endpoint", TEXT, NULL, NULL, NULL, NULL, 0, 0,
           "SASL/OAUTHBEARER: URL that gives tokens for client credentials.")
ICE_OPTION(SOURCE_KAFKA_OAUTH_CLIENT_ID, "source.kafka.oauth_client_id", TEXT, NULL, NULL, NULL, NULL, 0, 0,
           "Client id for the token endpoint.")
ICE_OPTION(SOURCE_KAFKA_OAUTH_CLIENT_SECRET, "source.kafka.oauth_client_secret", SECRET, NULL, NULL, NULL, NULL, 0, 0,
           "Client secret for the token endpoint.")
ICE_OPTION(SOURCE_KAFKA_OAUTH_SCOPE, "source.kafka.oauth_scope", TEXT, NULL, NULL, NULL, NULL, 0, 0,
           "Scope to ask for, where the token endpoint wants one.")
ICE_OPTION(SOURCE_KAFKA_OAUTH_CA_FILE, "source.kafka.oauth_ca_file", PATH, NULL, NULL, NULL, NULL, 0, 0,
           "Certificates to trust for the token endpoint, in place of the system's.")
ICE_OPTION(SOURCE_KAFKA_PROPERTIES, "source.kafka.properties", TREE, NULL, NULL, NULL, NULL, 0, 0,
           "Any librdkafka setting, by its own name. Those that exactly-once rests on are icesink's own.")
ICE_OPTION(SOURCE_SEGMENT_DIRECTORY, "source.segment.directory", PATH, NULL, NULL, NULL, NULL, 0, 0,
           "Read a topic from a broker's log directory instead of a broker.")
ICE_OPTION(SOURCE_SEGMENT_TOPIC, "source.segment.topic", TEXT, NULL, NULL, NULL, NULL, 0, 0,
           "Topic in that directory.")
ICE_OPTION(
    DECODE_FORMAT, "source.decode.format", CHOICE, "avro", NULL, NULL, "avro|json|json_schema", 0, 0,
    "Encoding of the values. avro: in the registry's wire format, or of source.decode.schema. json: plain text. "
    "json_schema: text in the registry's wire format; the id must be of a JSON Schema, which is not evaluated.")
ICE_OPTION(DECODE_REGISTRY, "source.decode.registry", TEXT, NULL, "SCHEMA_REGISTRY_URL", NULL, NULL, 0, 0,
           "Schema registry: an http(s) URL, or file: and a directory of <id>.avsc (Avro) and <id>.json (JSON "
           "Schema) files. "
           "Values are in the registry's wire format. json needs none.")
ICE_OPTION(DECODE_REGISTRY_USERNAME, "source.decode.registry_username", TEXT, NULL, "SCHEMA_REGISTRY_USERNAME", NULL,
           NULL, 0, 0, "User name for the registry (basic authentication).")
ICE_OPTION(DECODE_REGISTRY_PASSWORD, "source.decode.registry_password", SECRET, NULL, "SCHEMA_REGISTRY_PASSWORD",
           NULL, NULL, 0, 0, "Password for the registry.")
ICE_OPTION(DECODE_REGISTRY_CA_FILE, "source.decode.registry_ca_file", PATH, NULL, NULL, NULL, NULL, 0, 0,
           "Certificates to trust for the registry, in place of the system's.")
ICE_OPTION(DECODE_SCHEMA, "source.decode.schema", PATH, NULL, NULL, NULL, NULL, 0, 0,
           "A file with the Avro schema of all values, in place of a registry.")
ICE_OPTION(PIPELINE, "pipeline", TREE, NULL, NULL, NULL, NULL, 0, 0,
           "What becomes of a record: preset, or explode, columns, partition, filter, validate, route, dead_letters.")
ICE_OPTION(PRESET, "preset", TEXT, NULL, NULL, NULL, NULL, 0, 0,
           "A shipped pipeline, as `pipeline: {preset: NAME}`; for command lines.")
ICE_OPTION(TABLES_DATA, "tables.data", TEXT, NULL, "ICEBERG_TABLE_RAW", NULL, NULL, 0, 0,
           "The data table, database.table.")
ICE_OPTION(TABLES_DEAD_LETTERS, "tables.dead_letters", TEXT, NULL, "ICEBERG_TABLE_ERRORS", NULL, NULL, 0, 0,
           "The dead-letter table, database.table.")
ICE_OPTION(TABLES_LEAD, "tables.lead", TEXT, NULL, NULL, NULL, NULL, 0, 0,
           "The table that holds the position; by default tables.data.")
ICE_OPTION(TABLES_CREATE, "tables.create", BOOLEAN, "false", NULL, NULL, NULL, 0, 0,
           "Create missing tables at the start of run.")
ICE_OPTION(
    EVOLVE, "evolve", CHOICE, "none", NULL, NULL, "none|add|widen", 0, 0,
    "What a start may change of existing data tables. add: columns of the pipeline that a table lacks, as optional "
    "ones. widen: that, and int to long, float to double, decimals to more digits.")
ICE_OPTION(
    CATALOG_TYPE, "catalog.type", CHOICE, "sqlite", "ICEBERG_CATALOG_TYPE", NULL, "sqlite|jdbc|rest", 0, 0,
    "Kind of catalog; jdbc is another name of sqlite. Hive, Hadoop and others are used through a REST catalog in "
    "front of them.")
ICE_OPTION(CATALOG_NAME, "catalog.name", TEXT, "icesink", "ICEBERG_CATALOG_NAME", NULL, NULL, 0, 0,
           "Name of the catalog, as other engines use it.")
ICE_OPTION(
    CATALOG_URI, "catalog.uri", TEXT, NULL, "ICEBERG_CATALOG_URI", NULL, NULL, 0, 0,
    "SQLite file: a path, sqlite:///path or jdbc:sqlite:path. REST catalog: its URL, up to what comes before /v1.")
ICE_OPTION(CATALOG_WAREHOUSE, "catalog.warehouse", TEXT, NULL, "ICEBERG_WAREHOUSE", NULL, NULL, 0, 0,
           "Where new tables go: a directory, or a URI. A REST catalog may know its warehouse by a name instead.")
ICE_OPTION(CATALOG_ALLOWED_LOCATIONS, "catalog.allowed_locations", LIST, NULL, NULL, NULL, NULL, 0, 0,
           "Further places in which tables of the catalog may lie.")
ICE_OPTION(CATALOG_CREDENTIAL, "catalog.credential", SECRET, NULL, "ICEBERG_CATALOG_CREDENTIAL", NULL, NULL, 0, 0,
           "REST: id:secret of a client, for tokens of catalog.oauth2_server_uri.")
ICE_OPTION(CATALOG_TOKEN, "catalog.token", SECRET, NULL, "ICEBERG_CATALOG_TOKEN", NULL, NULL, 0, 0,
           "REST: a bearer token. Without catalog.credential it is exchanged for a new one when it is refused, where "
           "catalog.oauth2_server_uri is set.")
ICE_OPTION(
    CATALOG_OAUTH2_SERVER_URI, "catalog.oauth2_server_uri", TEXT, NULL, NULL, NULL, NULL, 0, 0,
    "REST: URL that gives tokens; by default <catalog.uri>/v1/oauth/tokens, which newer servers no longer have.")
ICE_OPTION(CATALOG_SCOPE, "catalog.scope", TEXT, "catalog", NULL, NULL, NULL, 0, 0, "REST: scope to ask tokens for.")
ICE_OPTION(CATALOG_AUDIENCE, "catalog.audience", TEXT, NULL, NULL, NULL, NULL, 0, 0,
           "REST: audience to ask tokens for, where the server wants one.")
ICE_OPTION(CATALOG_RESOURCE, "catalog.resource", TEXT, NULL, NULL, NULL, NULL, 0, 0,
           "REST: resource to ask tokens for, where the server wants one.")
ICE_OPTION(CATALOG_SIGV4_SERVICE, "catalog.sigv4_service", TEXT, NULL, NULL, NULL, NULL, 0, 0,
           "REST: sign requests as AWS's services want it, for this one: glue, s3tables or execute-api.")
ICE_OPTION(CATALOG_SIGV4_REGION, "catalog.sigv4_region", TEXT, NULL, NULL, NULL, NULL, 0, 0,
           "REST: region to sign for; by default store.s3.region.")
ICE_OPTION(CATALOG_HEADERS, "catalog.headers", TREE, NULL, NULL, NULL, NULL, 0, 0,
           "REST: headers to send with every request, by name.")
ICE_OPTION(CATALOG_CA_FILE, "catalog.ca_file", PATH, NULL, NULL, NULL, NULL, 0, 0,
           "REST: certificates to trust for the catalog and its token endpoint, in place of the system's.")
ICE_OPTION(CATALOG_CLIENT_CERTIFICATE, "catalog.client_certificate", PATH, NULL, NULL, NULL, NULL, 0, 0,
           "REST: PEM file with the certificate that the catalog asks of its clients.")
ICE_OPTION(CATALOG_CLIENT_KEY, "catalog.client_key", PATH, NULL, NULL, NULL, NULL, 0, 0,
           "REST: PEM file with its key; by default the same file.")
ICE_OPTION(
    CATALOG_ATOMIC_TRANSACTIONS, "catalog.atomic_transactions", CHOICE, "auto", NULL, NULL, "auto|yes|no", 0, 0,
    "REST: whether the server decides all tables of a transaction together. auto: where it says that it is Nessie. "
    "Never yes for a server that only has the endpoint; docs/compatibility.md lists those that were seen.")
ICE_OPTION(
    CATALOG_ACCESS_DELEGATION, "catalog.access_delegation", CHOICE, "auto", NULL, NULL, "auto|yes|no", 0, 0,
    "REST: ask the catalog for access to each table's objects (vended credentials, remote signing). auto: where "
    "store.s3.access_key is not set.")
ICE_OPTION(STORE_S3_ENDPOINT, "store.s3.endpoint", TEXT, NULL, "S3_ENDPOINT", NULL, NULL, 0, 0,
           "URL of the object store; without it a REST catalog may give one, else it is AWS's.")
ICE_OPTION(STORE_S3_ACCESS_KEY, "store.s3.access_key", TEXT, NULL, "S3_ACCESS_KEY", NULL, NULL, 0, 0,
           "Access key id. Without it credentials are looked for where AWS's programs do.")
ICE_OPTION(STORE_S3_SECRET_KEY, "store.s3.secret_key", SECRET, NULL, "S3_SECRET_KEY", NULL, NULL, 0, 0,
           "Secret access key.")
ICE_OPTION(STORE_S3_SESSION_TOKEN, "store.s3.session_token", SECRET, NULL, "S3_SESSION_TOKEN", NULL, NULL, 0, 0,
           "Session token of a temporary key.")
ICE_OPTION(STORE_S3_PROFILE, "store.s3.profile", TEXT, NULL, NULL, NULL, NULL, 0, 0,
           "Profile of the shared AWS files; by default AWS_PROFILE.")
ICE_OPTION(STORE_S3_PATH_STYLE, "store.s3.path_style", BOOLEAN, NULL, "S3_PATH_STYLE_ACCESS", NULL, NULL, 0, 0,
           "Address objects as <endpoint>/<bucket>/<key>; by default where store.s3.endpoint is set.")
ICE_OPTION(STORE_S3_REGION, "store.s3.region", TEXT, NULL, "S3_REGION AWS_REGION AWS_DEFAULT_REGION", NULL, NULL, 0,
           0, "Region; without it a REST catalog may give one, else us-east-1.")
ICE_OPTION(STORE_S3_BUCKET, "store.s3.bucket", TEXT, NULL, "S3_BUCKET", NULL, NULL, 0, 0,
           "Bucket of the warehouse, where catalog.warehouse is not set: s3://<bucket>/warehouse.")
ICE_OPTION(STORE_S3_CA_FILE, "store.s3.ca_file", PATH, NULL, NULL, NULL, NULL, 0, 0,
           "Certificates to trust for the object store, in place of the system's.")
ICE_OPTION(WRITE_BATCH_SIZE, "write.batch_size", INTEGER, "1000", "BATCH_SIZE", NULL, NULL, 1, 10000000,
           "Rows that are handed from decoding to writing together. A batch closes no file.")
ICE_OPTION(WRITE_BATCH_TIMEOUT, "write.batch_timeout", DURATION, "10s", "BATCH_TIMEOUT_SECONDS", "s", NULL, 1,
           86400000, "A batch that is not full is handed over after this time.")
ICE_OPTION(WRITE_TARGET_FILE_SIZE, "write.target_file_size", SIZE, "256MB", "TARGET_FILE_SIZE_MB", "MB", NULL, 1,
           INT64_MAX, "Data files close at this size, or when an epoch closes.")
ICE_OPTION(WRITE_ROW_GROUP_SIZE, "write.row_group_size", SIZE, "128MB", NULL, NULL, NULL, 1024, INT64_MAX,
           "Ceiling of a row group, compressed.")
ICE_OPTION(WRITE_PAGE_SIZE, "write.page_size", SIZE, "1MB", NULL, NULL, NULL, 1024, 1073741824,
           "Ceiling of a page, before compression.")
ICE_OPTION(WRITE_COMPRESSION, "write.compression", CHOICE, "snappy", NULL, NULL, "snappy|zstd|none", 0, 0,
           "Compression of data pages; columns that it makes hardly smaller are written without. zstd costs what "
           "Snappy costs here and saves more.")
ICE_OPTION(WRITE_SPILL_DIRECTORY, "write.spill_directory", PATH, "/tmp", NULL, NULL, NULL, 0, 0,
           "Where pages beyond the memory budget wait, in unlinked temporary files.")
ICE_OPTION(COMMIT_INTERVAL, "commit.interval", DURATION, "60s", "FLINK_CHECKPOINT_INTERVAL_MS CHECKPOINT_INTERVAL_MS",
           "ms", NULL, 1, 86400000, "Time between commits. It decides how many files there are.")
ICE_OPTION(COMMIT_RETRIES, "commit.retries", INTEGER, "3", NULL, NULL, NULL, 0, 1000,
           "Attempts within one round of a commit, after the first.")
ICE_OPTION(COMMIT_RETRY_DELAY, "commit.retry_delay", DURATION, "100ms", NULL, NULL, NULL, 1, 60000,
           "Delay before the first repeated attempt; it doubles, with jitter.")
ICE_OPTION(COMMIT_GIVE_UP, "commit.give_up", DURATION, "15m", NULL, NULL, NULL, 0, INT64_MAX,
           "The process ends with status 1 when a commit has failed for this long; 0 means never. Nothing is lost.")
ICE_OPTION(
    ON_ROLLBACK, "on_rollback", CHOICE, "stop", NULL, NULL, "stop|rewind|continue", 0, 0,
    "The lead table was rolled back behind the position. rewind: read again what the table has lost; continue: "
    "what it has lost stays lost.")
ICE_OPTION(ON_GAP, "on_gap", CHOICE, "stop", NULL, NULL, "stop|skip", 0, 0,
           "The log begins behind the position: records were removed before they were read. skip: go on at the log's "
           "start; the audit shows what was skipped.")
ICE_OPTION(ON_RESET, "on_reset", CHOICE, "stop", NULL, NULL, "stop|earliest", 0, 0,
           "The log ends before the position, or lacks a partition: the topic was recreated. earliest: read it from "
           "its start.")
ICE_OPTION(
    ON_RECREATED, "on_recreated", CHOICE, "stop", NULL, NULL, "stop|restart", 0, 0,
    "A table was recreated. restart: a new lead begins at source.kafka.start and takes its followers over; what "
    "was pending for a lost follower goes with it.")
ICE_OPTION(ON_RENAMED, "on_renamed", CHOICE, "stop", NULL, NULL, "stop|start", 0, 0,
           "The lead table has another sink's position in the same topic. start: begin at source.kafka.start all the "
           "same.")
ICE_OPTION(MEMORY, "memory", SIZE, "128MB", NULL, NULL, NULL, 16777216, INT64_MAX,
           "Ceiling of what the process holds: fetch queue, batches, pages, upload buffers.")
ICE_OPTION(WORKERS, "workers", INTEGER, "0", NULL, NULL, NULL, 0, 256,
           "Threads that decode; 0 chooses by the number of processors.")
ICE_OPTION(HTTP, "http", TEXT, "127.0.0.1:9464", NULL, NULL, NULL, 0, 0,
           "Address of /metrics, /healthz and /readyz, or off.")
ICE_OPTION(LOG_LEVEL, "log.level", CHOICE, "info", "LOG_LEVEL", NULL, "debug|info|warn|error", 0, 0,
           "Least severe events that are logged.")
ICE_OPTION(LOG_FORMAT, "log.format", CHOICE, "text", "LOG_FORMAT", NULL, "text|json", 0, 0,
           "Lines for people, or one JSON object per line.")
ICE_OPTION(TABLES_DATABASE, "tables.database", TEXT, NULL, "ICEBERG_DATABASE", NULL, NULL, 0, 0,
           "Database of table names that have none.")
