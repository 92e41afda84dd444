/** Step {@code reject}: rejected responses for the reference responses. */
package io.github.pairloom.jobs.reject;
