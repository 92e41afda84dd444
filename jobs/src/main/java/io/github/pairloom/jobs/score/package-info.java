/** Step {@code score}: what models with full sight make of the pairs. */
package io.github.pairloom.jobs.score;
