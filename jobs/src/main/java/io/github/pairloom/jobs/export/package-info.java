/** The export step: preference pairs as files that trainers read. */
package io.github.pairloom.jobs.export;
