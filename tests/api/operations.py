"""Every operation of the API and what it asks for, written out, so that none changes its right unnoticed."""

NEEDS = {
    "see": (
        "list_tasks", "read_task", "read_graph", "list_files", "list_versions", "read_version", "preview_schedule", "list_schedules",
        "list_notifications", "read_wishes", "list_mutes", "list_alert_rules", "read_alert_rule",
        "list_channels", "read_channel", "list_runs", "read_run", "compare_run", "read_summaries", "list_values", "preview_inputs", "read_resumption", "list_breakers", "read_log", "read_log_text", "list_artifacts",
        "read_artifact", "list_events", "read_backfill", "list_alerts", "list_incidents", "read_incident", "list_pools", "read_limit",
        "list_run_events", "read_restore", "list_secrets", "list_models", "list_calendars", "read_calendar",
        "list_stretches", "show_calendar", "list_coming_runs", "list_calendar_feeds", "list_busy_calendars", "list_busy_times",
        "read_import", "list_threads", "read_thread", "read_analysis", "read_proposal",
        "list_countries", "list_regions", "read_me", "revoke_me", "list_tokens", "list_teams",
        "read_team", "list_members", "list_templates", "read_template", "read_template_version",
        "list_shared_templates", "read_shared_template", "read_shared_bundle", "list_suggestions",
        "read_estimate", "find_conflicts", "read_week", "read_calibration", "list_budgets", "show_plan", "ask_question", "list_savings", "tell_satisfaction",
        "export_insights", "export_runs",
    ),
    "run": (
        "read_notification", "read_notifications", "set_wishes", "mute_task", "unmute_task",
        "create_run", "cancel_run", "repeat_run", "resume_run", "decide_run", "cancel_runs", "repeat_runs",
        "rate_template", "report_template",
        "decide_runs", "close_breaker", "acknowledge_alert", "acknowledge_incident", "reopen_incident", "mute_incident",
        "note_incident", "report_problem", "plan_backfill", "create_backfill", "cancel_backfill",
    ),
    "edit": (
        "create_import", "import_file", "delete_thread", "recover_thread",
        "start_analysis", "create_task_of_thread", "look_at_needs", "change_finding",
        "create_task", "change_task", "delete_task", "recover_task", "pause_task", "resume_task", "copy_task",
        "add_files", "remove_file", "restore_version", "replace_schedules", "confirm_restore", "add_schedule", "tag_task",
        "remove_schedule", "decide_on_repair", "mend_run", "move_run", "skip_run", "put_run_back",
        "set_value", "delete_value", "show_heartbeat", "regenerate_heartbeat", "turn_on_calendar_feed",
        "rotate_calendar_feed", "turn_off_calendar_feed", "add_busy_calendar", "refresh_busy_calendar",
        "remove_busy_calendar",
        "list_hooks", "create_hook", "read_hook", "change_hook", "delete_hook", "rotate_hook", "turn_hook_off",
        "turn_hook_on", "try_hook", "list_hook_calls", "replay_hook_call",
        "use_template", "change_template", "withdraw_template", "save_template", "take_template_version",
        "dismiss_template_version", "share_template", "inspect_bundle", "install_template",
        "apply_suggestion", "undo_suggestion", "dismiss_suggestion", "spread_tasks", "set_saving",
    ),
    "manage": (
        "create_alert_rule", "preview_alert_rule", "change_alert_rule", "delete_alert_rule", "recover_alert_rule",
        "turn_alert_rule_on", "turn_alert_rule_off",
        "create_channel", "change_channel", "delete_channel", "test_channel", "ask_channel",
        "list_webhooks", "create_webhook", "read_webhook", "change_webhook", "delete_webhook", "rotate_webhook",
        "turn_webhook_off", "turn_webhook_on", "test_webhook", "list_webhook_deliveries", "replay_webhook_delivery",
        "replay_webhook", "list_walls", "create_wall", "remove_wall", "read_badge", "put_badge", "revoke_badge",
        "set_secret", "delete_secret", "choose_summaries", "create_calendar", "preview_calendar", "change_calendar", "delete_calendar",
        "read_publication", "publish_template", "unpublish_template", "export_template",
        "refresh_calendar", "create_token", "revoke_token", "set_pool", "delete_pool", "set_limit",
        "set_budget", "set_task_budget", "ask_for_plan", "set_hourly",
    ),
    "members": ("change_role", "remove_member", "list_invitations", "invite", "withdraw_invitation"),
    "audit": ("list_audit", "show_chain"),
    "own": ("rename_team", "show_system", "list_template_reports", "settle_template_report",
            "list_plans", "set_plan", "answer_plan_request", "show_metrics", "list_problems", "settle_problem"),
}  # fmt: skip
OWN_SPACE = {
    "list_busy_calendars", "add_busy_calendar", "refresh_busy_calendar", "remove_busy_calendar", "read_wishes",
    "set_wishes",
}  # fmt: skip
"""What counts in all teams of a person takes a token of their own space, too."""

ACTION = {name: action for action, names in NEEDS.items() for name in names}


def operations(app):
    """Every operation as (its name, method, path with a thing that is not there)."""
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if getattr(view, "is_for_programs", False):
            values = {name: 1001 if "int:" + name in rule.rule else "adas-thing" for name in rule.arguments}
            [method] = rule.methods - {"HEAD", "OPTIONS"}
            yield view.__name__, method, rule.build(values)[1].removeprefix("/api/v1")
