/** The pieces of the pipeline for any table: Spark SQL functions and Spark ML transformers. */
package io.github.pairloom.udfs.spark;
