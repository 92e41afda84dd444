/** Step {@code dedup}: which images and which pairs are duplicates of others. */
package io.github.pairloom.jobs.dedup;
