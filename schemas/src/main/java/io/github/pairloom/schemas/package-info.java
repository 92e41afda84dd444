/**
 * The tables: one DDL file, one record and one codec each. Knows Spark SQL's types; no session, no
 * models.
 */
package io.github.pairloom.schemas;
