/** Step {@code reference}: a good response for every sample, from its source or by the model. */
package io.github.pairloom.jobs.reference;
