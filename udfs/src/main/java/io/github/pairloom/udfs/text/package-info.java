/**
 * Text on its way into a model and out of it: chat templates, tokens, sentences and the spans in
 * which two responses differ.
 */
package io.github.pairloom.udfs.text;
