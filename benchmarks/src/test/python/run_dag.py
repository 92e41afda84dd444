"""Runs the tasks of conf/airflow/pairloom_dag.py without Airflow, each as its operator would.

    run_dag.py DAG_FILE SITE_FILE

Stand-ins take the place of the few names that the DAG imports. The one of SparkSubmitOperator takes what
the provider's documents (its arguments, and which of them are templated) and nothing else, and calls the
real spark-submit. SITE_FILE is JSON:

    airflow       2 or 3: where the DAG finds its names
    set           what is set at the top of the DAG, by name
    spark_submit  the script
    master        of the connection
    ds            the day of the run
    params        of the run
    times         how often all tasks run, one after the other; 0: the DAG is only read

Ends with the exit code of the first task that fails. Prints the command line of every task.
"""

import json
import re
import subprocess
import sys
import types

# https://airflow.apache.org/docs/apache-airflow-providers-apache-spark: what versions 5 and later have in
# common, so that the DAG works with all of them.
PROVIDER = {
    "application", "conf", "conn_id", "files", "py_files", "archives", "driver_class_path", "jars",
    "java_class", "packages", "exclude_packages", "repositories", "total_executor_cores",
    "executor_cores", "executor_memory", "driver_memory", "keytab", "principal", "proxy_user", "name",
    "num_executors", "status_poll_interval", "application_args", "env_vars", "verbose", "spark_binary",
    "properties_file", "yarn_queue", "deploy_mode", "use_krb5ccache",
}  # fmt: skip
TEMPLATED = {
    "application", "conf", "properties_file", "files", "py_files", "jars", "driver_class_path",
    "packages", "exclude_packages", "keytab", "principal", "proxy_user", "name", "application_args",
    "env_vars",
}  # fmt: skip
# Of every operator, those that a DAG like this one may want.
OPERATOR = {
    "task_id", "pool", "pool_slots", "priority_weight", "queue", "retries", "retry_delay",
    "retry_exponential_backoff", "max_retry_delay", "execution_timeout", "depends_on_past",
    "wait_for_downstream", "trigger_rule", "inlets", "outlets", "owner", "email",
    "max_active_tis_per_dag", "doc_md",
}  # fmt: skip
DAG_ARGUMENTS = {
    "dag_id", "description", "schedule", "start_date", "end_date", "catchup", "max_active_runs",
    "max_active_tasks", "dagrun_timeout", "params", "default_args", "tags", "doc_md",
}  # fmt: skip


def check(given, known, what):
    unknown = set(given) - known
    if unknown:
        raise TypeError(f"{what} takes no {', '.join(sorted(unknown))}")


class CronDataIntervalTimetable:
    def __init__(self, cron, timezone):
        self.cron, self.timezone = cron, timezone


class Asset:
    def __init__(self, uri):
        self.uri = uri


class Dag:
    current = None

    def __init__(self, **arguments):
        check(arguments, DAG_ARGUMENTS, "DAG")
        check(arguments.get("default_args", {}), OPERATOR, "an operator")
        self.params = arguments.get("params", {})
        self.timetable = arguments.get("schedule")
        self.tasks = []

    def __enter__(self):
        Dag.current = self
        return self

    def __exit__(self, *failure):
        pass


class SparkSubmitOperator:
    def __init__(self, **arguments):
        check(arguments, PROVIDER | OPERATOR, "SparkSubmitOperator")
        plain = {k: v for k, v in arguments.items() if k not in TEMPLATED}
        if "{{" in repr(plain):
            raise ValueError(f"a template where none is filled in: {plain}")
        self.arguments = arguments
        self.before = []
        Dag.current.tasks.append(self)

    def __rshift__(self, other):
        other.before.append(self)
        return other

    def command(self, site, dag):
        variables = {"ds": site["ds"]}
        # With another timetable, Airflow 3 makes the interval's start the moment of the run.
        if isinstance(dag.timetable, CronDataIntervalTimetable):
            variables["data_interval_start | ds"] = site["ds"]
        variables.update({f"params.{k}": v for k, v in {**dag.params, **site["params"]}.items()})
        filled = {k: render(v, variables) for k, v in self.arguments.items() if k in PROVIDER}
        command = [site["spark_submit"], "--master", site["master"]]
        for key, value in filled.get("conf", {}).items():
            command += ["--conf", f"{key}={value}"]
        for option, key in (
            ("--properties-file", "properties_file"),
            ("--jars", "jars"),
            ("--name", "name"),
            ("--class", "java_class"),
        ):
            command += [option, filled[key]]
        return command + [filled["application"]] + filled["application_args"]


def render(value, variables):
    """Fills in templates as Jinja does with Airflow's variables; fails on those it does not know."""
    if isinstance(value, dict):
        return {key: render(each, variables) for key, each in value.items()}
    if isinstance(value, list):
        return [render(each, variables) for each in value]
    return re.sub(r"{{ *(.*?) *}}", lambda found: variables[found.group(1)], str(value))


def module(name, **names):
    """Makes a module and those around it."""
    parts = name.split(".")
    for i in range(1, len(parts) + 1):
        sys.modules.setdefault(".".join(parts[:i]), types.ModuleType(".".join(parts[:i])))
    vars(sys.modules[name]).update(names)


def read(file, site):
    """Returns the DAG that the file makes with this site's settings."""
    module("airflow.providers.apache.spark.operators.spark_submit", SparkSubmitOperator=SparkSubmitOperator)
    module("airflow.timetables.interval", CronDataIntervalTimetable=CronDataIntervalTimetable)
    if site["airflow"] == 3:
        module("airflow.sdk", DAG=Dag, Asset=Asset)
    else:
        module("airflow", DAG=Dag)
        module("airflow.datasets", Dataset=Asset)
    with open(file, encoding="utf-8") as text:
        source = text.read()
    for name, value in site["set"].items():
        # The first line of what is set may be all of it or open a bracket.
        source, count = re.subn(
            rf"^{name} = (?:.*\(\n(?:.*\n)*?\)|.*)$", lambda _: f"{name} = {value!r}", source, flags=re.M
        )
        if count != 1:
            raise ValueError(f"{file} sets {name} {count} times, and not once")
    names = {"__name__": "pairloom_dag"}
    exec(compile(source, file, "exec"), names)
    return names["dag"]


def in_order(tasks):
    """Returns the tasks, each after those before it."""
    done = []
    while len(done) < len(tasks):
        ready = [t for t in tasks if t not in done and all(b in done for b in t.before)]
        if not ready:
            raise ValueError("tasks wait for each other")
        done += ready
    return done


def main():
    with open(sys.argv[2], encoding="utf-8") as text:
        site = json.load(text)
    dag = read(sys.argv[1], site)
    tasks = in_order(dag.tasks)
    print("tasks", *(task.arguments["task_id"] for task in tasks))
    for task in tasks:
        print("outlets", task.arguments["task_id"], *(a.uri for a in task.arguments.get("outlets", [])))
    for time in range(1, site["times"] + 1):
        for task in tasks:
            command = task.command(site, dag)
            print(f"== time {time}:", *command, flush=True)
            code = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT).returncode
            print(f"== exit code {code}", flush=True)
            if code != 0:
                return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
