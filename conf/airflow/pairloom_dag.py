"""Pairloom in Airflow: one task per step, each an application under spark-submit.

Put this file into the DAG folder and set below what differs at your site. It works with Airflow 2.10
or later and apache-airflow-providers-apache-spark 5 or later.

A task that fails is simply tried again. A step looks at what its table holds, does what is not there
and commits in batches, so a retry goes on where the last try stopped, and a second run of a step that
is done adds nothing. Of two runs on one warehouse at once that would add the same rows, the second stops
and says so, except on S3 with Delta's default log store, which knows one driver alone (README.md, Crashes):
leave max_active_runs at 1 there. Elsewhere it and the pools save GPU hours.

Exit codes: 2 is a mistake in the recipe, 3 means more bad rows than the recipe allows, 4 that its cap on
spending is reached. Trying again helps none of them; after 2 and 4 it costs a minute, after 3 the work
on the batch that went over. What earlier tries committed counts against the limit on bad rows.

On a standalone cluster the connection's deploy mode must be client. For a driver in the cluster the provider
asks the master's REST server, which conf/cluster/master.conf turns off: the task would fail while its driver
runs on, and a retry would start a second one.

Where the connection's deploy mode is cluster on YARN, newer providers (those that know the argument
`durable`) want yarn_track_via_rm_api=True or durable=False as well.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.timetables.interval import CronDataIntervalTimetable

try:  # Airflow 3
    from airflow.sdk import DAG, Asset
except ImportError:  # Airflow 2 calls it a dataset
    from airflow import DAG
    from airflow.datasets import Dataset as Asset

# A connection of type spark: master and deploy mode are set there.
CONNECTION = "spark_default"

HOME = "/opt/pairloom"
JAR = f"{HOME}/jobs/target/pairloom.jar"
# What a Spark distribution lacks: the jars that jobs/target/delta.classpath lists.
DELTA_JARS = ",".join(
    f"{HOME}/jars/{name}"
    for name in (
        "delta-spark_4.1_2.13-4.1.0.jar",
        "delta-storage-4.1.0.jar",
        "unitycatalog-client-0.4.0.jar",
    )
)
# A copy of conf/cluster/standalone.conf that holds the cluster's secret, for this user alone.
SETTINGS = "/etc/pairloom/standalone.conf"

# Where the day's shards are: the start of the data interval stands in the path, so a run that is made
# again for an earlier day reads that day's shards.
SHARDS = "s3a://raw/image-prompts/{{ data_interval_start | ds }}"
WAREHOUSE = "s3a://lake/pairloom"
PREFERENCE_PAIRS = Asset(f"{WAREHOUSE}/preference_pairs")

# Steps that run a model, and so ask for GPUs. The others get by without and would only hold them.
WITH_MODEL = {"reference", "reject", "score"}
GPUS = {
    "spark.executor.resource.gpu.amount": "1",
    "spark.task.resource.gpu.amount": "0.25",
}
NO_GPUS = {
    "spark.executor.resource.gpu.amount": "0",
    "spark.task.resource.gpu.amount": "0",
}


def step(name: str, **arguments) -> SparkSubmitOperator:
    """One step of the pipeline, by its name on Pairloom's command line."""
    with_model = name in WITH_MODEL
    return SparkSubmitOperator(
        task_id=name,
        conn_id=CONNECTION,
        name=f"pairloom-{name}-{{{{ ds }}}}",
        application=JAR,
        java_class="io.github.pairloom.jobs.cli.Pairloom",
        jars=DELTA_JARS,
        properties_file=SETTINGS,
        conf=GPUS if with_model else NO_GPUS,
        application_args=[
            name,
            "{{ params.recipe }}",
            "--warehouse",
            WAREHOUSE,
            "--set",
            f"source.path={SHARDS}",
        ],
        # Create both pools first: as many slots as applications may run at once.
        pool="gpu" if with_model else "spark",
        execution_timeout=timedelta(days=3) if with_model else timedelta(hours=6),
        **arguments,
    )


with DAG(
    dag_id="pairloom",
    description="Image/prompt shards to preference pairs",
    # A run starts when its day is over. "@daily" would do in Airflow 2; in 3 the interval of its runs is
    # the moment they start, so that a run would read the day that has just begun.
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    start_date=datetime(2026, 1, 1),
    # One day after the other: a later one would read tables that an earlier one is writing.
    max_active_runs=1,
    catchup=False,
    params={"recipe": f"{HOME}/conf/recipes/mine.yaml"},
    default_args={
        "retries": 3,
        "retry_delay": timedelta(minutes=5),
        "retry_exponential_backoff": True,
        "depends_on_past": True,
    },
    tags=["pairloom"],
) as dag:
    (
        step("ingest")
        >> step("reference")
        >> step("reject")
        >> step("score")
        >> step("dedup")
        >> step("select")
        # Whoever trains on the pairs can be scheduled on this.
        >> step("export", outlets=[PREFERENCE_PAIRS])
    )
