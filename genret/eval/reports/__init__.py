"""What an evaluation shows people: plots and report.html."""
