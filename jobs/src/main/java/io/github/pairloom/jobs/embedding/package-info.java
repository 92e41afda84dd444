/** Texts as vectors: made once, kept in table {@code embeddings}, and put into clusters. */
package io.github.pairloom.jobs.embedding;
