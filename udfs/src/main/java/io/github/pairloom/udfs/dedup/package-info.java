/** Near-duplicates of texts and images: what is computed for one row, or for one bucket of rows. */
package io.github.pairloom.udfs.dedup;
