/** The select step: which candidate pairs become preference pairs. */
package io.github.pairloom.jobs.select;
