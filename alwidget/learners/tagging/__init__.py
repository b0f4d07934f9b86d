"""What tags words: a frozen encoder with a head for each word, a fine-tuned transformer, a BiLSTM with a CRF."""
