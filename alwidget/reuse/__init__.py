"""Labels that outlive the model that chose them: a small acquirer, and a successor of any architecture."""
